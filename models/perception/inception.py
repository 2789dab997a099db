"""The Inception v3 of FID: TensorFlow's graph of 2015-12-05 (Szegedy et al. 2015; specs/metrics.md section 7).

Names are torchvision's, as in the published files. Two things differ from torchvision's network: average pools leave
their padding out of the mean, and the last block's pool is a maximum.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE = 299
FEATURES = 2048
CLASSES = 1008


class Inception(nn.Module):
    """23.9 M parameters. Calling it gives the 2048 features of FID."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3)
        self.Mixed_5b = BlockA(192, 32)
        self.Mixed_5c = BlockA(256, 64)
        self.Mixed_5d = BlockA(288, 64)
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b = BlockC(768, 128)
        self.Mixed_6c = BlockC(768, 160)
        self.Mixed_6d = BlockC(768, 160)
        self.Mixed_6e = BlockC(768, 192)
        self.Mixed_7a = BlockD(768)
        self.Mixed_7b = BlockE(1280, _average)
        self.Mixed_7c = BlockE(2048, _maximum)
        self.fc = nn.Linear(FEATURES, classes)

    def stem(self, images: Tensor) -> Tensor:
        """The maps (N, 64, 73, 73) after the first pool, of preprocessed images (N, 3, 299, 299)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        return functional.max_pool2d(x, 3, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, 2048) of preprocessed images (N, 3, 299, 299), about -1..1 (see `PREPROCESSINGS`)."""
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.stem(images)))
        x = functional.max_pool2d(x, 3, stride=2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))).mean(dim=(2, 3))

    def logits(self, features: Tensor) -> Tensor:
        """Class scores (N, 1008) of features (N, 2048)."""
        return self.fc(features)


class Unit(nn.Module):
    """Convolution without bias, batch normalisation, ReLU. The keywords are those of a convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int | tuple[int, int], **keywords: object) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, bias=False, **keywords)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)), inplace=True)


def _wide(inputs: int, outputs: int, length: int) -> Unit:
    """A row of `length` pixels, same size."""
    return Unit(inputs, outputs, (1, length), padding=(0, length // 2))


def _tall(inputs: int, outputs: int, length: int) -> Unit:
    return Unit(inputs, outputs, (length, 1), padding=(length // 2, 0))


def _average(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def _maximum(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 3, stride=1, padding=1)


class BlockA(nn.Module):
    """Mixed 5b to 5d: 1×1, 5×5, twice 3×3, average pool."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(inputs, 64, 1)
        self.branch5x5_1 = Unit(inputs, 48, 1)
        self.branch5x5_2 = Unit(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Unit(inputs, 64, 1)
        self.branch3x3dbl_2 = Unit(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Unit(96, 96, 3, padding=1)
        self.branch_pool = Unit(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        branches = (
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(_average(x)),
        )
        return torch.cat(branches, dim=1)


class BlockB(nn.Module):
    """Mixed 6a: to half the size."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = Unit(inputs, 384, 3, stride=2)
        self.branch3x3dbl_1 = Unit(inputs, 64, 1)
        self.branch3x3dbl_2 = Unit(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Unit(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        branches = (
            self.branch3x3(x),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            functional.max_pool2d(x, 3, stride=2),
        )
        return torch.cat(branches, dim=1)


class BlockC(nn.Module):
    """Mixed 6b to 6e: 7×7 as rows and columns, `width` channels inside."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(inputs, 192, 1)
        self.branch7x7_1 = Unit(inputs, width, 1)
        self.branch7x7_2 = _wide(width, width, 7)
        self.branch7x7_3 = _tall(width, 192, 7)
        self.branch7x7dbl_1 = Unit(inputs, width, 1)
        self.branch7x7dbl_2 = _tall(width, width, 7)
        self.branch7x7dbl_3 = _wide(width, width, 7)
        self.branch7x7dbl_4 = _tall(width, width, 7)
        self.branch7x7dbl_5 = _wide(width, 192, 7)
        self.branch_pool = Unit(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        branches = (
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(double)),
            self.branch_pool(_average(x)),
        )
        return torch.cat(branches, dim=1)


class BlockD(nn.Module):
    """Mixed 7a: to half the size."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1 = Unit(inputs, 192, 1)
        self.branch3x3_2 = Unit(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Unit(inputs, 192, 1)
        self.branch7x7x3_2 = _wide(192, 192, 7)
        self.branch7x7x3_3 = _tall(192, 192, 7)
        self.branch7x7x3_4 = Unit(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        branches = (
            self.branch3x3_2(self.branch3x3_1(x)),
            self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))),
            functional.max_pool2d(x, 3, stride=2),
        )
        return torch.cat(branches, dim=1)


class BlockE(nn.Module):
    """Mixed 7b and 7c: branches that end in a row and a column side by side; `pool` keeps the size."""

    def __init__(self, inputs: int, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.pool = pool
        self.branch1x1 = Unit(inputs, 320, 1)
        self.branch3x3_1 = Unit(inputs, 384, 1)
        self.branch3x3_2a = _wide(384, 384, 3)
        self.branch3x3_2b = _tall(384, 384, 3)
        self.branch3x3dbl_1 = Unit(inputs, 448, 1)
        self.branch3x3dbl_2 = Unit(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = _wide(384, 384, 3)
        self.branch3x3dbl_3b = _tall(384, 384, 3)
        self.branch_pool = Unit(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branches = (
            self.branch1x1(x),
            self.branch3x3_2a(single),
            self.branch3x3_2b(single),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(self.pool(x)),
        )
        return torch.cat(branches, dim=1)


def resized_torchmetrics(images: Tensor) -> Tensor:
    """torchmetrics 1.9's default: bilinear with antialiasing, then (x - 128) / 128. Images (N, 3, H, W), 0..255."""
    resized = functional.interpolate(images.float(), (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)
    return (resized - 128) / 128


def resized_pytorch_fid(images: Tensor) -> Tensor:
    """pytorch-fid 0.3's: bilinear without antialiasing on 0..1, then 2x - 1. Images (N, 3, H, W), 0..255."""
    return 2 * functional.interpolate(images / 255, (SIZE, SIZE), mode="bilinear", align_corners=False) - 1


def resized_torch_fidelity(images: Tensor) -> Tensor:
    """torch-fidelity's, and torchmetrics' with `antialias=False`: TensorFlow 1's bilinear, then (x - 128) / 128.

    Output pixel k is read at k · (input size / 299): corners are aligned on one side only. Images (N, 3, H, W), 0..255.
    """
    down, across = (_tensorflow_bilinear(size).to(images.device) for size in images.shape[-2:])
    return (down @ images.float() @ across.T - 128) / 128


def _tensorflow_bilinear(size: int) -> Tensor:
    """The matrix (299, size) that resizes one axis."""
    place = torch.arange(SIZE, dtype=torch.float32) * (size / SIZE)
    lower = place.long()
    weight = (place - lower)[:, None]
    one_hot = torch.eye(size)
    return one_hot[lower] * (1 - weight) + one_hot[(lower + 1).clamp(max=size - 1)] * weight


PREPROCESSINGS = {
    "torchmetrics": resized_torchmetrics,
    "pytorch_fid": resized_pytorch_fid,
    "torch_fidelity": resized_torch_fidelity,
}
"""uint8 RGB images (N, 3, H, W) -> what `Inception` takes, by the library whose FID it gives."""


@torch.inference_mode()
def features(network: Inception, frames: np.ndarray, preprocessing: str) -> np.ndarray:
    """FID's features (N, 2048) float32 of uint8 RGB pictures (N, H, W, 3); `preprocessing` is a key of
    `PREPROCESSINGS`."""
    images = torch.from_numpy(frames).to(network.fc.weight.device).permute(0, 3, 1, 2)
    return network(PREPROCESSINGS[preprocessing](images)).cpu().numpy()
