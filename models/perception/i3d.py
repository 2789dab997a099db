"""I3D, the network of FVD: Inception v1 inflated to video (Carreira and Zisserman 2017; specs/metrics.md section 8).

The variant of VideoGPT and PVDM (i3d_pretrained_400.pt, Kinetics-400), whose names it bears. Padding is TensorFlow's "same":
computed from the input's size, the smaller half in front.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE = 224
CLASSES = 400
MIN_FRAMES = 9  # fewer leave one time step for a pool of two

WIDTHS = {  # b0, b1a, b1b, b2a, b2b, b3b
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}
POOLS = {"4b": ((3, 3, 3), (2, 2, 2)), "5b": ((2, 2, 2), (2, 2, 2))}
"""Kernel and stride of the pools before these blocks."""

Triple = tuple[int, int, int]


class I3D(nn.Module):
    """12.7 M parameters. Calling it gives the 400 logits, which are FVD's feature."""

    def __init__(self, classes: int = CLASSES, channels: int = 3) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(channels, 64, (7, 7, 7), (2, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64, (1, 1, 1))
        self.Conv3d_2c_3x3 = Unit(64, 192, (3, 3, 3))
        inputs = 192
        for name, widths in WIDTHS.items():
            self.add_module(f"Mixed_{name}", Mixed(inputs, *widths))
            inputs = widths[0] + widths[2] + widths[4] + widths[5]
        self.logits = nn.ModuleDict({"conv3d": nn.Conv3d(inputs, classes, 1)})

    def pooled(self, video: Tensor) -> Tensor:
        """Features (B, 1024, T', 1, 1) after the last average pool of a preprocessed video (B, 3, T, 224, 224)."""
        x = _max_pool(self.Conv3d_1a_7x7(video), (1, 3, 3), (1, 2, 2))
        x = _max_pool(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)), (1, 3, 3), (1, 2, 2))
        for name in WIDTHS:
            if name in POOLS:
                x = _max_pool(x, *POOLS[name])
            x = self.get_submodule(f"Mixed_{name}")(x)
        return functional.avg_pool3d(x, (2, 7, 7), stride=1)

    def forward(self, video: Tensor) -> Tensor:
        """Logits (B, 400), averaged over time, of a preprocessed video (B, 3, T, 224, 224), T at least 9."""
        return self.logits["conv3d"](self.pooled(video)).mean(dim=(2, 3, 4))


class Unit(nn.Module):
    """Convolution without bias and with "same" padding, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple, stride: Triple = (1, 1, 1)) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv3d(_same(x, self.conv3d.kernel_size, self.conv3d.stride))
        return functional.relu(self.bn(x), inplace=True)


class Mixed(nn.Module):
    """Four branches side by side: 1×1×1, twice 1×1×1 and 3×3×3, and a pool."""

    def __init__(self, inputs: int, b0: int, b1a: int, b1b: int, b2a: int, b2b: int, b3b: int) -> None:
        super().__init__()
        self.b0 = Unit(inputs, b0, (1, 1, 1))
        self.b1a, self.b1b = Unit(inputs, b1a, (1, 1, 1)), Unit(b1a, b1b, (3, 3, 3))
        self.b2a, self.b2b = Unit(inputs, b2a, (1, 1, 1)), Unit(b2a, b2b, (3, 3, 3))
        self.b3b = Unit(inputs, b3b, (1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        pool = self.b3b(_max_pool(x, (3, 3, 3), (1, 1, 1)))
        return torch.cat((self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), pool), dim=1)


def _same(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Zeros around the last three axes, so that each becomes ceil(size / stride) long."""
    padding = []
    for size, k, s in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):  # `pad` wants the last axis first
        total = max(k - (size % s or s), 0)
        padding += [total // 2, total - total // 2]
    return functional.pad(x, padding) if any(padding) else x


def _max_pool(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    return functional.max_pool3d(_same(x, kernel, stride), kernel, stride)


def preprocessed(frames: Tensor) -> Tensor:
    """What `I3D` takes, (B, 3, T, 224, 224) in -1..1, from uint8 RGB videos (B, T, H, W, 3), as PVDM measures it.

    The shorter side becomes 224, bilinearly and without antialiasing, the longer one is rounded up; centre crop.
    """
    batch, time, height, width = frames.shape[:4]
    scale = SIZE / min(height, width)
    size = [SIZE if side == min(height, width) else math.ceil(side * scale) for side in (height, width)]
    x = frames.flatten(0, 1).permute(0, 3, 1, 2) / 255
    x = functional.interpolate(x, size, mode="bilinear", align_corners=False)
    top, left = ((side - SIZE) // 2 for side in size)
    x = x[..., top : top + SIZE, left : left + SIZE].unflatten(0, (batch, time))
    return 2 * x.transpose(1, 2) - 1


@torch.inference_mode()
def scaled(network: I3D, frame: np.ndarray) -> Tensor:
    """One uint8 RGB frame (H, W, 3) as the network takes it, (1, 3, 1, 224, 224), 0.6 MB, where the network is."""
    return preprocessed(torch.from_numpy(frame).to(network.logits["conv3d"].weight.device)[None, None])


@torch.inference_mode()
def features(network: I3D, frames: Sequence[Tensor]) -> np.ndarray:
    """FVD's feature (400,) float32 of one video, at least 9 frames as `scaled` gives them; takes 5 MB a frame."""
    return network(torch.cat(tuple(frames), dim=2))[0].cpu().numpy()
