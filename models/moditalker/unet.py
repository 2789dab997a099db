"""MToV's UNet: the noise in a clip's latent, three planes at once (MoDiTalker specification, section 9; PVDM, Yu et al. 2023)."""

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

Planes = list[Tensor]
"""The xy planes (n, c, size, size) of clips' latents, and their planes of one shape (2n, c, frames, size): yt, then xt."""


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
        self.width, self.channels = width, channels
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
        """The prediction (n, channels, positions) for the latent x of that shape, by published training the noise in it.

        t (n,) int64 step index 0..999; the latents `motion` of the landmarks' video and `masked` of the video without the
        lower face, of x's shape too; `reference` (n, channels, at least size * size), of whose latent the xy plane is seen.
        """
        joined = torch.cat([x, self._known(motion, masked, reference)], dim=1)
        return self._run([self.input_blocks[0](plane) for plane in self._cut(joined)], t)

    def prepare(self, motion: Tensor, masked: Tensor, reference: Tensor) -> Planes:
        """For `denoise`, the first convolution of what is known, which is the same at every sampling step; arguments as
        `forward`'s."""
        (first,) = self.input_blocks[0]
        kernel = first.weight[:, self.channels :]
        known = self._cut(self._known(motion, masked, reference))
        return [functional.conv2d(plane, kernel, first.bias, padding=first.padding) for plane in known]

    def denoise(self, x: Tensor, t: Tensor, prepared: Planes) -> Tensor:
        """What `forward` gives, from what is prepared."""
        (first,) = self.input_blocks[0]
        kernel = first.weight[:, : self.channels]
        noisy = [functional.conv2d(plane, kernel, padding=first.padding) for plane in self._cut(x)]
        return self._run([plane + known for plane, known in zip(noisy, prepared, strict=True)], t)

    def _run(self, planes: Planes, t: Tensor) -> Tensor:
        """The planes (n, channels, h, w) of the first convolution through all that follows it."""
        time = self.time_embed(sinusoids(t, self.width // 2, span=self.width // 2))
        times = [time, time.repeat(2, 1)]

        def run(stage: nn.Module, attention: nn.Module, planes: Planes) -> Planes:
            made = [stage(plane, time) for plane, time in zip(planes, times, strict=True)]
            return cut(attention(join(made)), made)

        skips = [planes]
        for stage, attention in zip(self.input_blocks[1:], self.input_attns[1:], strict=True):
            planes = run(stage, attention, planes)
            skips.append(planes)
        planes = run(self.middle_block, self.mid_attn, planes)
        for stage, attention in zip(self.output_blocks, self.output_attns, strict=True):
            widened = [torch.cat(pair, dim=1) for pair in zip(planes, skips.pop(), strict=True)]
            planes = run(stage, attention, widened)
        return join([self.out(plane) for plane in planes])

    def _known(self, motion: Tensor, masked: Tensor, reference: Tensor) -> Tensor:
        """(n, 3 channels, positions), the reference blank outside of its xy plane."""
        seen = functional.pad(reference[:, :, : self._sizes[0]], (0, sum(self._sizes[1:])))
        return torch.cat([motion, masked, seen], dim=1)

    def _cut(self, latent: Tensor) -> Planes:
        xy, yt, xt = latent.split(self._sizes, dim=2)
        return [xy.unflatten(2, self.planes[0]), torch.cat([yt, xt]).unflatten(2, self.planes[1])]

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


def join(planes: Planes) -> Tensor:
    """All places of the planes (n, c, positions), in the order of a latent."""
    xy, sides = planes
    return torch.cat([xy.flatten(2), *sides.flatten(2).chunk(2)], dim=2)


def cut(joined: Tensor, like: Planes) -> Planes:
    """The planes of (n, c, positions), of the shapes of others."""
    xy, sides = like
    places = [plane.shape[2] * plane.shape[3] for plane in (xy, sides, sides)]
    first, *others = joined.split(places, dim=2)
    return [first.view_as(xy), torch.cat(others).view_as(sides)]
