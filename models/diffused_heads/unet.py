"""Diffused Heads' network: the noise in a frame, given identity, earlier frames and speech (specification, section 4)."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.diffused_heads.layers import ConditionedBlock, SpeechAttention
from models.unet import Attention, GroupNorm, convolution, down_blocks, mid_block, run_blocks, sinusoids, up_blocks

# How speech modulates a residual block, by the published names of the ways to condition on speech.
AUDIO_MODULATION = {"double_pre_gn": "scale_shift", "post_gn": "scale", "pre_gn": None, "attention": None}


class UNet(nn.Module):
    """UNet over a frame, the motion frames before it and the identity frame; the defaults are the published network for CREMA
    (215.75 M parameters).

    `multipliers` times `width` are the channels at each level, each half the size of the one before, with `blocks`
    residual blocks; `attention` names the levels with attention, counted from 0 at full size (the middle always has it).
    There are channels / `head_width` heads, or `heads` where `head_width` is None: no tensor's shape shows which.
    `audio_width` x `audio_window` numbers are one frame's speech. `audio_condition` is how: "double_pre_gn" (published),
    "post_gn", "pre_gn" or "attention", which alone fixes the picture's `size`. `out_channels` is twice the picture's where
    the variance is learnt. With `patch` p > 1 the network works on p x p blocks of pixels folded into channels, p^2 times
    cheaper.
    """

    def __init__(
        self,
        *,
        width: int = 256,
        multipliers: Sequence[int] = (1, 2, 3),
        blocks: int = 2,
        attention: Sequence[int] = (2,),
        heads: int | None = None,
        head_width: int | None = 64,
        audio_width: int = 256,
        audio_window: int = 5,
        motion_frames: int = 2,
        motion_channels: int = 3,
        channels: int = 3,
        out_channels: int = 6,
        audio_condition: str = "double_pre_gn",
        size: int = 128,
        groups: int = 32,
        dropout: float = 0.1,
        patch: int = 1,
    ) -> None:
        super().__init__()
        self.width, self.patch, self.audio_condition = width, patch, audio_condition
        self.audio_width, self.motion_frames, self.motion_channels = audio_width, motion_frames, motion_channels
        embedding = 4 * width
        layout = (width, multipliers, attention, blocks)
        inputs = 2 * channels + motion_frames * motion_channels
        block = partial(
            ConditionedBlock,
            groups=groups,
            embedding=embedding,
            speech=AUDIO_MODULATION[audio_condition],
            dropout=dropout,
        )

        def attend(channels: int, level: int) -> nn.Module:
            count = channels // head_width if head_width else heads
            if audio_condition != "attention":
                return Attention(channels, groups, count)
            return SpeechAttention(channels, groups, count, embedding, (size // patch // 2**level) ** 2)

        self.time_embed = nn.ModuleDict({"fc": _two_layers(width, embedding)})
        self.audio_embed = _two_layers(audio_width * audio_window, embedding)
        self.input_blocks, skips = down_blocks(block, attend, inputs * patch**2, *layout)
        self.middle_block = mid_block(block, attend, skips[-1], len(multipliers) - 1)
        self.output_blocks = up_blocks(block, attend, skips, *layout)
        outermost = width * multipliers[0]
        self.out = nn.Sequential(
            GroupNorm(groups, outermost), nn.SiLU(), convolution(outermost, out_channels * patch**2, zero=True)
        )

    def forward(self, x: Tensor, t: Tensor, identity: Tensor, motion: Tensor, audio: Tensor) -> Tensor:
        """The prediction (n, out_channels, h, w): by published training the noise, then the variance's place between its bounds.

        x (n, 3, h, w) the noisy frame; t (n,) step index 0..999; identity (n, 3, h, w) and motion (n, frames * channels, h, w),
        oldest first, in [-1, 1]; audio (n, window, width). Height and width are divisible by patch * 2^(levels - 1).
        """
        # The published angles fall over twice the width, not over half of it as elsewhere.
        time = self.time_embed["fc"](sinusoids(t, self.width // 2, span=2 * self.width))
        speech = self.audio_embed(audio.flatten(1))
        if self.audio_condition == "pre_gn":
            time = time + speech
        seen = functional.pixel_unshuffle(torch.cat([x, motion, identity], dim=1), self.patch)
        hidden = run_blocks(self.input_blocks, self.middle_block, self.output_blocks, seen, time, speech)
        return functional.pixel_shuffle(self.out(hidden), self.patch)


def _two_layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.SiLU(), nn.Linear(outputs, outputs))
