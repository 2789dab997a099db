"""PatchGAN discriminators of pictures and of videos (Isola et al. 2017): one logit for each patch."""

from torch import Tensor, nn

_LAYERS = {2: (nn.Conv2d, nn.BatchNorm2d), 3: (nn.Conv3d, nn.BatchNorm3d)}


class PatchDiscriminator(nn.Module):
    """`dims` is 2 for pictures and 3 for videos, which are halved in time, too.

    `layers` stages halve the resolution while their width doubles up to eight times `width`; one more keeps it, and the
    last makes the logits. Batch norms stand in all stages but the first and the last. Parameters are named as in MToV
    (`model0.0`, `model1.0`, `model1.1`), which pads by 2; pix2pix pads by 1.
    """

    def __init__(
        self, dims: int = 2, *, channels: int = 3, width: int = 64, layers: int = 3, kernel: int = 4, padding: int = 2
    ) -> None:
        super().__init__()
        convolution, norm = _LAYERS[dims]
        widths = [channels, *(width * min(2**stage, 8) for stage in range(layers + 1))]
        for stage in range(layers + 1):
            stride = 2 if stage < layers else 1
            parts = [convolution(widths[stage], widths[stage + 1], kernel, stride, padding)]
            if stage:
                parts.append(norm(widths[stage + 1]))
            self.add_module(f"model{stage}", nn.Sequential(*parts, nn.LeakyReLU(0.2)))
        self.add_module(f"model{layers + 1}", nn.Sequential(convolution(widths[-1], 1, kernel, 1, padding)))
        self.apply(_start)

    def features(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Patch logits (N, 1, ...) of pictures (N, C, H, W) or videos (N, C, T, H, W), and each earlier stage's output."""
        features = []
        for stage in self.children():
            x = stage(x)
            features.append(x)
        return features.pop(), features

    def forward(self, x: Tensor) -> Tensor:
        """Patch logits (N, 1, ...) of pictures (N, C, H, W) or videos (N, C, T, H, W)."""
        return self.features(x)[0]


def _start(module: nn.Module) -> None:
    """First weights as published: normal(0, 0.02), of a norm's gains about 1."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
        nn.init.normal_(module.weight, 1.0, 0.02)
