"""MToV's UNet: the noise in a clip's latent, three planes at once (MoDiTalker specification, section 9; PVDM, Yu et al. 2023)."""

import re
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.unet import (
    Attention,
    GroupNorm,
    convolution,
    down_blocks,
    mid_block,
    resample,
    scale_shift,
    sinusoids,
    up_blocks,
)

# Parameters of the published files that nothing uses.
UNUSED = re.compile(r"output_bg_(blocks|attns)\.")


class PlaneUNet(nn.Module):
    """UNet over the planes of a clip, each a picture of its own; after every stage a 1D attention joins them.

    The defaults are the published network (132.17 M parameters in use). A clip of `frames` frames and `size` x `size` places
    is an xy plane (size, size), a yt plane (frames, size) and an xt plane (frames, size), flattened and joined in this order:
    `positions` in all. `multipliers`, `attention` and `blocks` are those of `models.unet.descent`.
    """

    def __init__(
        self,
        *,
        size: int = 32,
        frames: int = 16,
        channels: int = 4,
        width: int = 128,
        multipliers: Sequence[int] = (1, 2, 4, 4),
        attention: Sequence[int] = (0, 1, 2),
        blocks: int = 2,
        heads: int = 8,
        groups: int = 32,
    ) -> None:
        super().__init__()
        self.planes = ((size, size), (frames, size), (frames, size))
        self.width = width
        embedding = 4 * width
        layout = (width, multipliers, attention, blocks)
        block = partial(TimedBlock, groups=groups, embedding=embedding)

        def attend(channels: int, level: int = 0) -> nn.Module:
            return Attention(channels, groups, heads)

        self.time_embed = nn.Sequential(nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.input_blocks, skips = down_blocks(block, attend, 4 * channels, *layout)
        self.input_attns = nn.ModuleList([nn.Identity(), *(attend(count) for count in skips[1:])])
        self.middle_block = mid_block(block, attend, skips[-1], len(multipliers) - 1)
        self.mid_attn = attend(skips[-1])
        self.output_blocks = up_blocks(block, attend, skips, *layout)
        ascending = [width * multiplier for multiplier in reversed(multipliers) for _ in range(blocks + 1)]
        self.output_attns = nn.ModuleList(attend(count) for count in ascending)
        self.out = nn.Sequential(
            GroupNorm(groups, ascending[-1]), nn.SiLU(), convolution(ascending[-1], channels, zero=True)
        )

    def forward(self, x: Tensor, t: Tensor, motion: Tensor, masked: Tensor, reference: Tensor) -> Tensor:
        """The noise (n, channels, positions) in the latent x, of the same shape.

        t (n,) int64 step index 0..999; the latents `motion` of the landmarks' video and `masked` of the video without the
        lower face, of x's shape too; `reference` (n, channels, at least size * size), of whose latent the xy plane is seen.
        """
        time = self.time_embed(sinusoids(t, self.width // 2, span=self.width // 2))
        seen = functional.pad(reference[:, :, : self._sizes[0]], (0, sum(self._sizes[1:])))
        joined = torch.cat([x, motion, masked, seen], dim=1)
        planes = [
            flat.unflatten(2, shape) for flat, shape in zip(joined.split(self._sizes, dim=2), self.planes, strict=True)
        ]
        skips = []
        for stage, attention in zip(self.input_blocks, self.input_attns, strict=True):
            planes = across(attention, [stage(plane, time) for plane in planes])
            skips.append(planes)
        planes = across(self.mid_attn, [self.middle_block(plane, time) for plane in planes])
        for stage, attention in zip(self.output_blocks, self.output_attns, strict=True):
            widened = [torch.cat(pair, dim=1) for pair in zip(planes, skips.pop(), strict=True)]
            planes = across(attention, [stage(plane, time) for plane in widened])
        return torch.cat([self.out(plane).flatten(2) for plane in planes], dim=2)

    @property
    def _sizes(self) -> list[int]:
        return [height * width for height, width in self.planes]


class TimedBlock(nn.Module):
    """Residual block whose one normalisation in its second half is scaled and shifted by the time."""

    conditioned = True

    def __init__(self, inputs: int, outputs: int, direction: str | None = None, *, groups: int, embedding: int) -> None:
        super().__init__()
        self.direction = direction
        self.in_layers = nn.Sequential(GroupNorm(groups, inputs), nn.SiLU(), convolution(inputs, outputs))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * outputs))
        # The published numbering leaves room for dropout.
        self.out_layers = nn.Sequential(
            GroupNorm(groups, outputs), nn.SiLU(), nn.Identity(), convolution(outputs, outputs, zero=True)
        )
        self.skip_connection = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x (n, inputs, h, w), time (n, embedding) -> (n, outputs, h', w')."""
        norm, activation, conv = self.in_layers
        hidden = conv(resample(activation(norm(x)), self.direction))
        hidden = scale_shift(self.out_layers[0](hidden), self.emb_layers(time))
        return self.skip_connection(resample(x, self.direction)) + self.out_layers[1:](hidden)


def across(attention: nn.Module, planes: list[Tensor]) -> list[Tensor]:
    """The planes (n, c, h, w), each with its height and width, after an attention (n, c, l) -> (n, c, l) over all their places."""
    joined = attention(torch.cat([plane.flatten(2) for plane in planes], dim=2))
    parts = joined.split([plane.shape[2] * plane.shape[3] for plane in planes], dim=2)
    return [part.unflatten(2, plane.shape[2:]) for part, plane in zip(parts, planes, strict=True)]
