"""What the systems' UNets are made of (Dhariwal and Nichol 2021, appendix): levels, skip connections, resampling, attention.

A UNet here is a list of stages down, a middle, and a list of stages up. Each system brings its own residual block, which
knows what it is conditioned on, and lays the stages out with `down_blocks`, `mid_block` and `up_blocks`.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

FEW = 256
"""Pixels up to which a CPU's attention is as quick without a copy."""

Block = Callable[..., nn.Module]  # (inputs, outputs, direction=...) -> residual block
Attend = Callable[[int, int], nn.Module]  # (channels, level) -> attention block
Run = Callable[..., Tensor]  # (x, *condition) -> x: a stage


class GroupNorm(nn.GroupNorm):
    """Group normalisation in float32 whatever comes in: its sums lose too much in half precision."""

    def __init__(self, groups: int, channels: int, eps: float = 1e-5) -> None:
        super().__init__(groups, channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        normed = functional.group_norm(x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps)
        return normed.to(x.dtype)


def sinusoids(t: Tensor, count: int, span: float) -> Tensor:
    """Step index t (n,) -> (n, 2 count): cosines, then sines, of `count` frequencies 10000^(-i / span)."""
    frequencies = torch.exp(-math.log(10_000) * torch.arange(count, dtype=torch.float32, device=t.device) / span)
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def resample(x: Tensor, direction: str | None) -> Tensor:
    """Halve ("down", 2x2 mean), double ("up", nearest) or leave (None) height and width."""
    if direction == "down":
        return functional.avg_pool2d(x, 2)
    if direction == "up":
        return functional.interpolate(x, scale_factor=2, mode="nearest")
    return x


def convolution(inputs: int, outputs: int, *, zero: bool = False) -> nn.Conv2d:
    """3x3 convolution that keeps the size; `zero` starts it at zero, so that its block begins as an identity."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    return zero_init(layer) if zero else layer


def zero_init(layer: nn.Module) -> nn.Module:
    """Set a layer's parameters to zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def scale_shift(x: Tensor, parameters: Tensor) -> Tensor:
    """x (n, c, h, w) scaled by one plus the first, shifted by the second half of `parameters` (n, 2c)."""
    scale, shift = parameters[:, :, None, None].chunk(2, dim=1)
    return x * (1 + scale) + shift


def qkv_attention(qkv: Tensor, heads: int) -> Tensor:
    """Attention over all pixels: qkv (n, 3c, pixels), in which each head's query, key and value follow each other, -> (n, c,
    pixels). Query and key are each scaled by width^(-1/4), which keeps half-precision scores in range."""
    query, key, value = qkv.unflatten(1, (heads, -1)).transpose(2, 3).chunk(3, dim=-1)
    if qkv.shape[-1] == 1:  # a pixel by itself attends to nothing else; CUDA's kernels fail on it
        return value.transpose(2, 3).flatten(1, 2)
    if qkv.is_cuda or qkv.shape[-1] > FEW:  # the quick kernels want rows that lie together
        query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
    scale = query.shape[-1] ** -0.25
    result = functional.scaled_dot_product_attention(query * scale, key * scale, value, scale=1.0)
    return result.transpose(2, 3).flatten(1, 2)


class Attention(nn.Module):
    """Self-attention over all pixels, added to its input."""

    def __init__(self, channels: int, groups: int, heads: int = 1) -> None:
        super().__init__()
        self.heads = heads
        self.norm = GroupNorm(groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zero_init(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        return (flat + self.proj_out(qkv_attention(self.qkv(self.norm(flat)), self.heads))).view_as(x)


class Stage(nn.Sequential):
    """Blocks in a row; those with an attribute `conditioned` are also given the condition."""

    def forward(self, x: Tensor, *condition: Any) -> Tensor:
        for block in self:
            x = block(x, *condition) if getattr(block, "conditioned", False) else block(x)
        return x


def down_blocks(
    block: Block,
    attend: Attend,
    inputs: int,
    width: int,
    multipliers: Sequence[int],
    attention: Sequence[int],
    blocks: int,
) -> tuple[nn.ModuleList, list[int]]:
    """Stages from full size to the deepest level, and the channels that each of them gives.

    `multipliers` times `width` are the channels at each level, each half the size of the one before; `attention` names
    the levels with attention, counted from 0 at full size; `blocks` residual blocks stand at each.
    """
    channels = [width * multipliers[0]]
    stages = [Stage(convolution(inputs, channels[0]))]
    for level, multiplier in enumerate(multipliers):
        outputs = width * multiplier
        for _ in range(blocks):
            stage = Stage(block(channels[-1], outputs))
            if level in attention:
                stage.append(attend(outputs, level))
            stages.append(stage)
            channels.append(outputs)
        if level < len(multipliers) - 1:
            stages.append(Stage(block(outputs, outputs, direction="down")))
            channels.append(outputs)
    return nn.ModuleList(stages), channels


def mid_block(block: Block, attend: Attend, channels: int, level: int) -> Stage:
    """What stands at the deepest level between the way down and the way up."""
    return Stage(block(channels, channels), attend(channels, level), block(channels, channels))


def up_blocks(
    block: Block,
    attend: Attend,
    skips: list[int],
    width: int,
    multipliers: Sequence[int],
    attention: Sequence[int],
    blocks: int,
) -> nn.ModuleList:
    """Stages back to full size; each first takes one lateral, last in first out, onto its channels."""
    waiting = list(skips)
    channels = waiting[-1]
    stages = []
    for level, multiplier in reversed(list(enumerate(multipliers))):
        outputs = width * multiplier
        for index in range(blocks + 1):
            stage = Stage(block(channels + waiting.pop(), outputs))
            if level in attention:
                stage.append(attend(outputs, level))
            if level > 0 and index == blocks:
                stage.append(block(outputs, outputs, direction="up"))
            stages.append(stage)
            channels = outputs
    return nn.ModuleList(stages)


def run_blocks(
    stages_down: Iterable[Run],
    bottom: Run,
    stages_up: Iterable[Run],
    x: Tensor,
    *condition: Any,
    recompute: bool = False,
) -> Tensor:
    """x down, through the middle and up again, each output on the way down kept as a lateral for the way up.

    With `recompute` a training keeps what stands between the stages alone, and computes what is within them again for the
    gradient: a third more time, a fraction of the memory.
    """
    run = partial(checkpoint, use_reentrant=False) if recompute and torch.is_grad_enabled() else _run
    skips = []
    for stage in stages_down:
        x = run(stage, x, *condition)
        skips.append(x)
    x = run(bottom, x, *condition)
    for stage in stages_up:
        x = run(stage, torch.cat([x, skips.pop()], dim=1), *condition)
    return x


def _run(stage: Run, x: Tensor, *condition: Any) -> Tensor:
    return stage(x, *condition)
