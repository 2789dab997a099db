"""3x3 convolutions with 4/9 of the multiplications, for sampling on a CPU (Lavin and Gray 2016: F(2x2, 3x3)).

It is the same sum in another order: in float32 the outputs differ by less than 1e-6 (relative). Measured with oneDNN's
own convolution on one core: 1.4 to 3 times as quick below 64 x 64 places, nothing gained above.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

LARGEST = 48 * 48
"""Places of a picture from which on the direct way is as quick."""

_FEWEST = 96  # channels in or out below which little is gained; the `debug` networks have fewer
_TILES = 256  # how many tiles of 2 x 2 are computed at a time: what they need stays in a core's cache

# 4 values of the input to 4, and a kernel's 3 to 4, whose products are then those of 2 outputs.
_KERNEL = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))


def with_winograd(network: nn.Module) -> nn.Module:
    """The network with its 3x3 convolutions in the quick form, where they can have it; for inference on a CPU alone.

    Its weights must not change any more, and `state_dict` has other names. Each convolution in the quick form needs 25/9 of
    its memory.
    """
    for name, layer in network.named_children():
        if _is_suitable(layer):
            setattr(network, name, Winograd(layer))
        else:
            with_winograd(layer)
    return network


def _is_suitable(layer: nn.Module) -> bool:
    return (
        type(layer) is nn.Conv2d
        and (layer.kernel_size, layer.stride, layer.dilation, layer.groups) == ((3, 3), (1, 1), (1, 1), 1)
        and layer.padding == (1, 1)
        and layer.padding_mode == "zeros"
        and min(layer.in_channels, layer.out_channels) >= _FEWEST
    )


class Winograd(nn.Module):
    """A 3x3 convolution that keeps the size, by Winograd's way for small pictures of an even size, else directly."""

    def __init__(self, direct: nn.Conv2d) -> None:
        super().__init__()
        self.direct = direct
        self.kernel: Tensor | None = None  # made at the first small picture: many a layer never sees one

    def forward(self, x: Tensor) -> Tensor:
        """x (n, inputs, h, w) -> (n, outputs, h, w), channels last in memory where Winograd's way was taken."""
        height, width = x.shape[2:]
        is_fitting = height % 2 == 0 == width % 2 and height * width < LARGEST
        if not is_fitting or x.dtype != torch.float32 or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
            return self.direct(x)
        if self.kernel is None:
            self.kernel = _transformed(self.direct.weight)
        padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        result = x.new_empty(len(x), height, width, self.direct.out_channels)
        per_picture = height * width // 4
        pictures, rows = max(1, _TILES // per_picture), min(height, max(2, 2 * (2 * _TILES // width)))
        for first in range(0, len(x), pictures):
            for top in range(0, height, rows):
                _convolve(
                    padded[first : first + pictures, top : top + rows + 2],
                    self.kernel,
                    self.direct.bias,
                    result[first : first + pictures, top : top + rows],
                )
        return result.permute(0, 3, 1, 2)


def _transformed(weight: Tensor) -> Tensor:
    """Kernels (outputs, inputs, 3, 3) -> (16, inputs, outputs), by column and then by row."""
    matrix = weight.new_tensor(_KERNEL)
    return torch.einsum("ak,oikl,bl->baio", matrix, weight.detach(), matrix).flatten(0, 1).contiguous()


def _convolve(x: Tensor, kernel: Tensor, bias: Tensor | None, result: Tensor) -> None:
    """Write the convolution of x (n, h + 2, w + 2, inputs) into `result` (n, h, w, outputs)."""
    count, height, width, _ = result.shape
    inputs = x.shape[-1]
    by_rows = x.new_empty(4, count, height // 2, width + 2, inputs)
    _spread([x[:, start : start + height : 2] for start in range(4)], by_rows)
    tiles = x.new_empty(4, 4, count, height // 2, width // 2, inputs)  # by column, then by row
    _spread([by_rows[:, :, :, start : start + width : 2] for start in range(4)], tiles)
    products = torch.bmm(tiles.view(16, -1, inputs), kernel).view(4, 4, count, height // 2, width // 2, -1)
    upper = products[:, 1] + products[:, 2] + products[:, 0]
    lower = products[:, 1] - products[:, 2] - products[:, 3]
    shift = 0 if bias is None else bias
    for offset, half in enumerate((upper, lower)):
        torch.add(half[1] + half[2], half[0].add_(shift), out=result[:, offset::2, 0::2])
        torch.sub(half[1] - half[2], half[3].sub_(shift), out=result[:, offset::2, 1::2])


def _spread(values: list[Tensor], out: Tensor) -> None:
    """Four neighbouring values of every tile to the four that are multiplied."""
    torch.sub(values[0], values[2], out=out[0])
    torch.add(values[1], values[2], out=out[1])
    torch.sub(values[2], values[1], out=out[2])
    torch.sub(values[1], values[3], out=out[3])
