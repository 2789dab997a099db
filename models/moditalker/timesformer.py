"""Transformers over the patches of a video, attention in time and in space by turns (MoDiTalker specification, section 7)."""

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Rotation = tuple[Tensor, Tensor]  # cosines and sines (n, head width) of each position's angles


class Normed(nn.Module):
    """A part behind a layer norm, and around both a residual."""

    def __init__(self, channels: int, part: nn.Module) -> None:
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(channels), part

    def forward(self, x: Tensor, *arguments: Any) -> Tensor:
        return x + self.fn(self.norm(x), *arguments)


class Attention(nn.Module):
    """Every position of a sequence looks at all others; `width` is that of a head."""

    def __init__(self, channels: int, heads: int, width: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(channels, 3 * heads * width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(heads * width, channels))

    def forward(self, x: Tensor, rotation: Rotation | None = None, wanted: int | None = None) -> Tensor:
        """(n, positions, c) -> the same, or the first so many positions that are `wanted`."""
        queries, keys, values = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        queries = queries[:, :, :wanted]
        if rotation is not None:
            queries, keys = rotated(queries, rotation), rotated(keys, rotation)
        found = functional.scaled_dot_product_attention(queries, keys, values)
        return self.to_out(found.transpose(1, 2).flatten(2))


class SpaceAttention(Attention):
    """Over the places of each frame."""

    def forward(self, x: Tensor, rotation: Rotation) -> Tensor:
        """(n, frames, places, c) -> the same."""
        return super().forward(x.flatten(0, 1), rotation).view_as(x)


class TimeAttention(Attention):
    """Over the frames at each place."""

    def forward(self, x: Tensor, rotation: Rotation) -> Tensor:
        """(n, frames, places, c) -> the same."""
        sequences = x.transpose(1, 2)
        return super().forward(sequences.flatten(0, 1), rotation).view(sequences.shape).transpose(1, 2)


class GatedGELU(nn.Module):
    """The first half of the channels, gated by the second."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=-1)
        return value * functional.gelu(gate)


class FeedForward(nn.Module):
    """Two linear layers with `hidden` channels between them, twice as many before a gate. Dropout's places are left out."""

    def __init__(self, channels: int, hidden: int, gated: bool = False) -> None:
        super().__init__()
        first = nn.Linear(channels, 2 * hidden if gated else hidden)
        last = nn.Linear(hidden, channels)
        parts = {"0": first, "1": GatedGELU() if gated else nn.GELU(), "3": last}
        self.net = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        """(..., c) -> the same."""
        return self.net(x)


class TimeSformer(nn.Module):
    """`depth` layers, each of attention in time, attention in space, and a gated feed-forward.

    With a `patch` it takes videos, whose squares of so many pixels become its channels (`to_patch_embedding`).
    """

    def __init__(
        self, channels: int, depth: int, heads: int, head_width: int, patch: int = 0, colours: int = 3
    ) -> None:
        super().__init__()
        self.patch, self.head_width = patch, head_width
        if patch:
            self.to_patch_embedding = nn.Linear(colours * patch**2, channels)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                Normed(channels, part)
                for part in (
                    TimeAttention(channels, heads, head_width),
                    SpaceAttention(channels, heads, head_width),
                    FeedForward(channels, 4 * channels, gated=True),
                )
            )
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Videos (n, colours, t, H, W), or without a patch features (n, c, t, h, w), -> features (n, c, t, h, w)."""
        x = self.to_patch_embedding(self.patches(x)) if self.patch else x.permute(0, 2, 3, 4, 1)
        _, frames, *grid, _ = x.shape
        in_time = time_rotation(frames, self.head_width, x.device)
        in_space = space_rotation(*grid, self.head_width, x.device)
        x = x.flatten(2, 3)
        for time, space, feed_forward in self.layers:
            x = feed_forward(space(time(x, in_time), in_space))
        return x.unflatten(2, grid).permute(0, 4, 1, 2, 3)

    def patches(self, videos: Tensor) -> Tensor:
        """Videos (n, colours, t, H, W) -> (n, t, h, w, row, column and colour)."""
        cut = videos.unflatten(-1, (-1, self.patch)).unflatten(-3, (-1, self.patch))  # n, colour, t, h, row, w, column
        return cut.permute(0, 2, 3, 5, 4, 6, 1).flatten(-3)


def rotated(x: Tensor, rotation: Rotation) -> Tensor:
    """Neighbouring channels (a, b) of x (..., n, c) -> (a cos - b sin, b cos + a sin), each with its own angle."""
    cosines, sines = rotation
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack((-second, first), dim=-1).flatten(-2)
    return (x * cosines + turned * sines).to(x.dtype)


def time_rotation(frames: int, width: int, device: torch.device | str = "cpu") -> Rotation:
    """Of each frame, (frames, width).

    Published: the two channels that are rotated together have different angles, so that it is no proper rotation.
    """
    frequencies = time_frequencies(width).to(device)
    angles = torch.arange(frames, device=device)[:, None] * frequencies.repeat(2)
    return angles.cos(), angles.sin()


def space_rotation(rows: int, columns: int, width: int, device: torch.device | str = "cpu") -> Rotation:
    """Of each place, (rows * columns, width): half of the angles are the row's, half the column's."""
    scales = space_scales(width).to(device)
    down, across = (torch.linspace(-1, 1, n, device=device)[:, None] * scales * math.pi for n in (rows, columns))
    shape = (rows, columns, len(scales))
    angles = torch.cat((down[:, None].expand(shape), across.expand(shape)), dim=-1)
    angles = angles.flatten(0, 1).repeat_interleave(2, dim=-1)
    return angles.cos(), angles.sin()


def time_frequencies(width: int) -> Tensor:
    """(width / 2,) radians a frame, published as `frame_rot_emb.inv_freqs`."""
    return 10000 ** -(torch.arange(0, width, 2) / width)


def space_scales(width: int) -> Tensor:
    """(width / 4,) half turns from the middle of the picture to its rim, published as `image_rot_emb.scales`."""
    return 2 ** torch.linspace(0, math.log2(5), width // 4)
