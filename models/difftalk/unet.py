"""DiffTalk's UNet: the noise in a frame's latent, given two known latents and a context (specification, section 7.5)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from models.difftalk.layers import Downsample, SpatialTransformer, TimedBlock, Upsample
from models.unet import GroupNorm, convolution, down_blocks, mid_block, run_blocks, sinusoids, up_blocks


class Prepared(NamedTuple):
    """What is the same at every sampling step: the first convolution of the known latents (n, width, h, w), and what each
    transformer gets of the context (n, 1, channels)."""

    known: Tensor
    attended: Mapping[nn.Module, Tensor]


class UNet(nn.Module):
    """UNet over a latent and the known latents beside it; the defaults are the published network (530.15 M parameters).

    `multipliers` times `width` are the channels at each level, each half the size of the one before, with `blocks`
    residual blocks; `attention` names the levels with transformers, counted from 0 at full size (the middle always has
    one), of channels / `head_width` heads. `context` numbers are a context token, `channels` are those of the latent,
    `known_channels` of the latents beside it. With `recompute` a training trades time for memory
    (`models.unet.run_blocks`).
    """

    def __init__(
        self,
        *,
        width: int = 256,
        multipliers: Sequence[int] = (1, 2, 3, 4),
        blocks: int = 2,
        attention: Sequence[int] = (1, 2, 3),
        head_width: int = 32,
        context: int = 128,
        channels: int = 3,
        known_channels: int = 6,
        groups: int = 32,
        dropout: float = 0.0,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.width, self.channels, self.recompute = width, channels, recompute
        embedding = 4 * width
        layout = (width, multipliers, attention, blocks)

        def block(inputs: int, outputs: int, direction: str | None = None) -> nn.Module:
            if direction:
                return {"down": Downsample, "up": Upsample}[direction](outputs)
            return TimedBlock(inputs, outputs, groups=groups, embedding=embedding, dropout=dropout)

        def attend(channels: int, level: int) -> nn.Module:
            heads = channels // head_width
            return SpatialTransformer(channels, context=context, heads=heads, groups=groups, dropout=dropout)

        self.time_embed = nn.Sequential(nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.input_blocks, skips = down_blocks(block, attend, channels + known_channels, *layout)
        self.middle_block = mid_block(block, attend, skips[-1], len(multipliers) - 1)
        self.output_blocks = up_blocks(block, attend, skips, *layout)
        outermost = width * multipliers[0]
        self.out = nn.Sequential(GroupNorm(groups, outermost), nn.SiLU(), convolution(outermost, channels, zero=True))

    def forward(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """The prediction (n, channels, h, w), by published training the noise.

        x (n, channels + known_channels, h, w): the noisy latent, then the known ones; t (n,) step index 0..999; context
        (n, tokens, context) of any number of tokens. Height and width are divisible by 2^(levels - 1).
        """
        return self._run(self.input_blocks[0], x, t, self._attended(context) if context.shape[1] == 1 else context)

    def prepare(self, known: Tensor, context: Tensor) -> Prepared:
        """For `denoise`: known (n, known_channels, h, w), context (n, 1, context). It equals `forward`; what does not change
        from step to step is computed here, once."""
        (first,) = self.input_blocks[0]
        kernel = first.weight[:, self.channels :]
        seen = functional.conv2d(known, kernel, first.bias, padding=first.padding)
        return Prepared(seen, self._attended(context))

    def denoise(self, x: Tensor, t: Tensor, prepared: Prepared) -> Tensor:
        """`forward` of the noisy latent alone, x (n, channels, h, w), at the steps t (n,)."""
        (first,) = self.input_blocks[0]
        kernel = first.weight[:, : self.channels]

        def convolve(x: Tensor, *condition: Any) -> Tensor:
            return functional.conv2d(x, kernel, padding=first.padding) + prepared.known

        return self._run(convolve, x, t, prepared.attended)

    def _run(
        self, first: Callable[..., Tensor], x: Tensor, t: Tensor, context: Tensor | Mapping[nn.Module, Tensor]
    ) -> Tensor:
        time = self.time_embed(sinusoids(t, self.width // 2, span=self.width // 2))
        stages_down = [first, *self.input_blocks[1:]]
        run = partial(run_blocks, recompute=self.recompute and self.training)
        return self.out(run(stages_down, self.middle_block, self.output_blocks, x, time, context))

    def _attended(self, context: Tensor) -> dict[nn.Module, Tensor]:
        """What each transformer gets of a context of one token."""
        attended = {}
        for block in self.modules():
            if isinstance(block, SpatialTransformer):
                attended[block] = block.attended(context)
        return attended
