"""The regressor of 3D face coefficients (Deng et al. 2019, Deep3DFaceRecon).

A ResNet-50 in torchvision's form and names, without its classes. What the 257 numbers mean: `toolkit.faces.morphable`.
"""

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoints import load_weights, read_state_dict
from toolkit.faces.face3d import Face3D
from toolkit.faces.five_points import Fit, align, fit_landmarks, five_points
from toolkit.faces.morphable import COEFFICIENTS, Coefficients, KeyLandmarks, missing, rotation
from toolkit.faces.tracking import interpolated

WIDTHS = (80, 64, 80, 3, 27, 2, 1)  # identity, expression, texture, angles, light, translation x and y, z
FEATURES = 2048
BATCH = 16  # pictures looked at together


class FaceRecon(nn.Module):
    """24.0 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = _resnet50()
        self.final_layers = nn.ModuleList(nn.Conv2d(FEATURES, width, 1) for width in WIDTHS)

    def forward(self, images: Tensor) -> Tensor:
        """Coefficients (N, 257) of aligned pictures (N, 3, 224, 224), RGB 0..1."""
        features = self.backbone(images)
        return torch.cat([layer(features) for layer in self.final_layers], dim=1).flatten(1)


class Bottleneck(nn.Module):
    """Three convolutions around which the input goes; the middle one strides."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        return (self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x))).relu()


def _resnet50() -> nn.Sequential:
    """(N, 3, 224, 224) -> (N, 2048, 1, 1)."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        bn1=nn.BatchNorm2d(64),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, 2, 1),
    )
    inputs = 64
    for stage, count in enumerate((3, 4, 6, 3)):
        width, blocks = 64 * 2**stage, []
        for block in range(count):
            blocks.append(Bottleneck(inputs, width, 2 if stage and not block else 1))
            inputs = 4 * width
        layers[f"layer{stage + 1}"] = nn.Sequential(*blocks)
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(layers)


def load(path: str | Path, device: torch.device | str = "cpu") -> FaceRecon:
    """The network with the weights of a published file (`epoch_20.pth`: its `net_recon`), in eval mode, read without running
    anything that the file brings. Raises InputError where it is not there or does not fit."""
    if not Path(path).is_file():
        raise missing(path)
    tensors = read_state_dict(path, key="net_recon")
    network = FaceRecon()
    load_weights(network, {name.removeprefix("module."): value for name, value in tensors.items()}, path)
    return network.eval().requires_grad_(False).to(device)


@torch.inference_mode()
def coefficients(network: FaceRecon, pictures: np.ndarray) -> np.ndarray:
    """Coefficients (N, 257) float32 of aligned pictures (N, 224, 224, 3) uint8 RGB."""
    images = torch.from_numpy(pictures).to(network.final_layers[0].weight.device).permute(0, 3, 1, 2)
    return network(images.float() / 255).cpu().numpy()


def reconstruct(
    network: FaceRecon,
    landmarks: KeyLandmarks,
    standard: np.ndarray,
    frames: Iterable[np.ndarray],
    points: np.ndarray,
    ok: np.ndarray,
    size: int,
) -> Face3D:
    """The 3D faces of a view's T frames, (size, size, 3) uint8 RGB one after the other, a batch in memory.

    points: (T, 68, 2) view pixels, y down; ok: (T,), False where no face was seen: the coefficients there are interpolated.
    standard: the face (5, 3) that pictures are aligned to.
    """
    found = fit_landmarks(points, standard, size)
    fits = map(Fit, found.scale, found.shift)
    pictures = (align(frame, fit) for frame, fit, seen in zip(frames, fits, ok, strict=True) if seen)
    regressed = []
    while batch := list(islice(pictures, BATCH)):
        regressed.append(coefficients(network, np.stack(batch)))
    values = np.zeros((len(points), COEFFICIENTS), np.float32)
    values[ok] = np.concatenate(regressed)
    values = interpolated(values, ok)
    return Face3D(
        motion=landmarks.motion(values),
        rotation=rotation(Coefficients.of(values).angles),
        scale=found.resize.astype(np.float32),
        centre=five_points(points).mean(1),
        mean=landmarks.mean,
        coefficients=values,
        model="bfm",
    )
