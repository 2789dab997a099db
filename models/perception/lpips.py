"""LPIPS: the learnt distance of two pictures (Zhang et al. 2018, version 0.1; specs/metrics.md section 4).

Names are those of the published files: the trunk's `features.*` of torchvision's ImageNet files, and the five learnt vectors
`lin0` to `lin4`. Pictures below 64 pixels are too small for AlexNet's strides to mean anything.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)


@dataclass(frozen=True)
class Trunk:
    """`convolutions`: by layer number (inputs, outputs, kernel, stride, padding), a ReLU after each; `pools`: the numbers
    of max pools of `window` pixels every 2; `taken`: the ReLUs whose maps are compared."""

    convolutions: dict[int, tuple[int, int, int, int, int]]
    pools: tuple[int, ...]
    window: int
    taken: tuple[int, ...]


def _vgg16() -> Trunk:
    numbers = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    widths = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    convolutions = {
        number: (inputs, outputs, 3, 1, 1)
        for number, inputs, outputs in zip(numbers, widths[:-1], widths[1:], strict=True)
    }
    return Trunk(convolutions, (4, 9, 16, 23), window=2, taken=(3, 8, 15, 22, 29))


TRUNKS = {
    "alex": Trunk(
        {
            0: (3, 64, 11, 4, 2),
            3: (64, 192, 5, 1, 2),
            6: (192, 384, 3, 1, 1),
            8: (384, 256, 3, 1, 1),
            10: (256, 256, 3, 1, 1),
        },
        pools=(2, 5),
        window=3,
        taken=(1, 4, 7, 9, 11),
    ),
    "vgg": _vgg16(),
}


class LPIPS(nn.Module):
    """`trunk` is "alex" (the metric's authors' advice) or "vgg" (larger values)."""

    def __init__(self, trunk: str = "alex") -> None:
        super().__init__()
        settings = TRUNKS[trunk]
        layers: dict[int, nn.Module] = {pool: nn.MaxPool2d(settings.window, 2) for pool in settings.pools}
        for number, convolution in settings.convolutions.items():
            layers[number], layers[number + 1] = nn.Conv2d(*convolution), nn.ReLU(inplace=True)
        self.taken = settings.taken
        self.features = nn.Sequential(OrderedDict((str(number), layers[number]) for number in sorted(layers)))
        for place, relu in enumerate(self.taken):
            vector = nn.Conv2d(settings.convolutions[relu - 1][1], 1, 1, bias=False)
            # The published vector is the second of two layers; the first is a dropout, off when measuring.
            self.add_module(f"lin{place}", nn.ModuleDict({"model": nn.ModuleDict({"1": vector})}))

    def maps(self, images: Tensor) -> list[Tensor]:
        """The five feature maps of images (N, 3, H, W) in -1..1, every position's vector of length 1."""
        x = (images - images.new_tensor(SHIFT)[:, None, None]) / images.new_tensor(SCALE)[:, None, None]
        found = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.taken:
                found.append(x / (x.norm(dim=1, keepdim=True) + 1e-10))
        return found

    def layers(self, reference: Tensor, generated: Tensor) -> Tensor:
        """The five terms (N, 5) of the distance of images (N, 3, H, W) in -1..1."""
        terms = []
        for place, (one, other) in enumerate(zip(self.maps(reference), self.maps(generated), strict=True)):
            vector = self.get_submodule(f"lin{place}.model.1")
            terms.append(vector((one - other) ** 2).mean(dim=(1, 2, 3)))
        return torch.stack(terms, dim=1)

    def forward(self, reference: Tensor, generated: Tensor) -> Tensor:
        """The distance (N,), from 0, of images (N, 3, H, W) in -1..1."""
        return self.layers(reference, generated).sum(dim=1)


@torch.inference_mode()
def distances(network: LPIPS, reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """The distance (N,) float32 of each pair of uint8 RGB pictures (N, H, W, 3)."""
    device = network.lin0["model"]["1"].weight.device
    pair = (torch.from_numpy(frames).to(device).permute(0, 3, 1, 2) / 127.5 - 1 for frames in (reference, generated))
    return network(*pair).cpu().numpy()
