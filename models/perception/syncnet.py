"""SyncNet: how well lips and speech belong together (Chung and Zisserman 2016; specs/metrics.md section 9.1).

Two branches end in vectors of one space: five video frames (0.2 s of a face), and the 0.2 s of sound that go with them.
Names are those of the published file, syncnet_v2.model.
"""

from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor, nn

SIZE = 224  # pixels of the square face picture
FRAMES = 5  # video frames that an embedding sees
CEPSTRA, STEPS = 13, 20  # coefficients, and steps of 10 ms, that an embedding covers
EMBEDDING = 1024
FEATURE = 512


class SyncNet(nn.Module):
    """Both branches (13.6 M parameters). Embeddings are not normalised; they are compared by Euclidean distance."""

    def __init__(self, embedding: int = EMBEDDING) -> None:
        super().__init__()
        self.netcnnaud = _speech_branch()
        self.netfcaud = _head(embedding)
        self.netcnnlip = _lip_branch()
        self.netfclip = _head(embedding)

    def lip_features(self, frames: Tensor) -> Tensor:
        """The 512-value features (N, T - 4, 512) of clips (N, 3, T, 224, 224): BGR, 0..255, T at least 5.

        Only the first convolution spans time, so that a clip of T frames goes through at once: feature i sees frames
        i to i + 4 and equals that of these five alone.
        """
        return self.netcnnlip(frames)[..., 0, 0].transpose(1, 2)

    def lips(self, frames: Tensor) -> Tensor:
        """Embeddings (N, T - 4, 1024) of clips (N, 3, T, 224, 224); see `lip_features`."""
        features = self.lip_features(frames)
        return self.netfclip(features.flatten(0, 1)).unflatten(0, features.shape[:2])

    def speech(self, windows: Tensor) -> Tensor:
        """Embeddings (N, 1024) of MFCC windows (N, 1, 13, 20). They cannot share work: each is padded at its edges."""
        return self.netfcaud(self.netcnnaud(windows).flatten(1))


def _numbered(layers: dict[int, nn.Module]) -> nn.Sequential:
    return nn.Sequential(OrderedDict((str(number), layer) for number, layer in layers.items()))


def _speech_branch() -> nn.Sequential:
    """(N, 1, 13, 20) -> (N, 512, 1, 1)."""
    layers: dict[int, nn.Module] = {}
    widths = {0: (1, 64), 4: (64, 192), 8: (192, 384), 11: (384, 256), 14: (256, 256), 18: (256, 512)}
    for number, (inputs, outputs) in widths.items():
        kernel, padding = ((5, 4), 0) if number == 18 else (3, 1)
        layers[number] = nn.Conv2d(inputs, outputs, kernel, padding=padding)
        layers[number + 1], layers[number + 2] = nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    layers[7] = nn.MaxPool2d(3, stride=(1, 2))
    layers[17] = nn.MaxPool2d(3, stride=2)
    return _numbered(dict(sorted(layers.items())))  # the published number 3 is a pool of one pixel


def _lip_branch() -> nn.Sequential:
    """(N, 3, T, 224, 224) -> (N, 512, T - 4, 1, 1)."""
    settings = {  # number: inputs, outputs, kernel, stride, padding
        0: (3, 96, (FRAMES, 7, 7), (1, 2, 2), 0),
        4: (96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)),
        8: (256, 256, (1, 3, 3), 1, (0, 1, 1)),
        11: (256, 256, (1, 3, 3), 1, (0, 1, 1)),
        14: (256, 256, (1, 3, 3), 1, (0, 1, 1)),
        18: (256, FEATURE, (1, 6, 6), 1, 0),
    }
    layers: dict[int, nn.Module] = {}
    for number, (inputs, outputs, kernel, stride, padding) in settings.items():
        layers[number] = nn.Conv3d(inputs, outputs, kernel, stride, padding)
        layers[number + 1], layers[number + 2] = nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)
    for number, padding in ((3, 0), (7, (0, 1, 1)), (17, 0)):
        layers[number] = nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding)
    return _numbered(dict(sorted(layers.items())))


def _head(embedding: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(FEATURE, FEATURE), nn.BatchNorm1d(FEATURE), nn.ReLU(), nn.Linear(FEATURE, embedding))


@torch.inference_mode()
def lip_embeddings(network: SyncNet, frames: np.ndarray) -> np.ndarray:
    """Embeddings (T - 4, 1024) float32 of uint8 RGB face pictures (T, 224, 224, 3), T at least 5; the i-th sees frames
    i to i + 4."""
    clip = torch.from_numpy(frames).to(network.netfclip[0].weight.device)
    bgr = clip.flip(-1).permute(3, 0, 1, 2).float()
    return network.lips(bgr[None])[0].cpu().numpy()


@torch.inference_mode()
def speech_embeddings(network: SyncNet, windows: np.ndarray) -> np.ndarray:
    """Embeddings (N, 1024) float32 of MFCC windows (N, 13, 20) float32."""
    speech = torch.from_numpy(windows).to(network.netfcaud[0].weight.device)
    return network.speech(speech[:, None]).cpu().numpy()
