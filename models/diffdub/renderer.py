"""DiffDub's renderer: a diffusion auto-encoder that inpaints the mouth window (DiffDub specification, section 4).

A semantic encoder turns the picture of a face from the brows to the chin into one vector, the lip latent. A UNet
predicts what is in the mouth window of a noisy frame from that latent and one reference frame of the same person.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from models.diffdub.layers import ConditionedBlock, EncoderBlock, TimeEmbedding
from models.unet import Attend, Attention, GroupNorm, convolution, down_blocks, mid_block, run_blocks, up_blocks


class Renderer(nn.Module):
    """Encoder and UNet; the defaults are the published network (168.50 M parameters, 706 tensors).

    `multipliers` times `width` are the channels at each level, each level half the size of the one before; `attention`
    names the levels with self-attention, counted from 0 at full size. With `patch` p > 1 both networks work on p x p
    blocks of pixels folded into channels, which makes a small network p^2 times cheaper. With `normalised` every value of
    the latent has unit variance (batch statistics); without, those of a fresh encoder vary by thousandths, and the UNet
    takes long to notice them.
    """

    def __init__(
        self,
        *,
        width: int = 128,
        multipliers: Sequence[int] = (1, 1, 2, 2, 4, 4),
        attention: Sequence[int] = (4,),
        blocks: int = 2,
        encoder_width: int = 128,
        encoder_multipliers: Sequence[int] = (1, 1, 2, 2, 4, 4, 4),
        encoder_attention: Sequence[int] = (4,),
        encoder_blocks: int = 2,
        latent: int = 512,
        embedding: int = 512,
        groups: int = 32,
        dropout: float = 0.1,
        image_channels: int = 3,
        in_channels: int = 6,
        patch: int = 1,
        normalised: bool = False,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.latent = latent
        block = partial(ConditionedBlock, groups=groups, embedding=embedding, latent=latent, dropout=dropout)
        layout = (width, multipliers, attention, blocks)
        attend = _self_attention(groups)
        self.time_embed = TimeEmbedding(width, embedding)
        self.input_blocks, skips = down_blocks(block, attend, in_channels * patch**2, *layout)
        self.middle_block = mid_block(block, attend, skips[-1], len(multipliers) - 1)
        self.output_blocks = up_blocks(block, attend, skips, *layout)
        outermost = width * multipliers[0]
        self.out = nn.Sequential(
            GroupNorm(groups, outermost), nn.SiLU(), convolution(outermost, image_channels * patch**2, zero=True)
        )
        self.encoder = SemanticEncoder(
            width=encoder_width,
            multipliers=encoder_multipliers,
            attention=encoder_attention,
            blocks=encoder_blocks,
            latent=latent,
            groups=groups,
            image_channels=image_channels,
            patch=patch,
            normalised=normalised,
        )

    def encode(self, image: Tensor) -> Tensor:
        """Lip latent (n, latent), unbounded, of what the encoder sees: (n, 3, h, w) in [-1, 1], window.encoder_crop."""
        return self.encoder(image)

    def forward(self, x: Tensor, t: Tensor, latent: Tensor) -> Tensor:
        """The prediction (n, 3, h, w), by published training the noise.

        x (n, 6, h, w): the noisy image with clean pixels outside the mouth window, then the reference frame in [-1, 1];
        t (n,) int64 step index 0..999; latent (n, latent). Height and width are divisible by patch * 2^(levels - 1).
        """
        time = self.time_embed(t)
        folded = functional.pixel_unshuffle(x, self.patch)
        hidden = run_blocks(self.input_blocks, self.middle_block, self.output_blocks, folded, time, latent)
        return functional.pixel_shuffle(self.out(hidden), self.patch)


class SemanticEncoder(nn.Module):
    """Picture (n, 3, h, w) in [-1, 1] -> latent (n, latent), unbounded."""

    def __init__(
        self,
        *,
        width: int,
        multipliers: Sequence[int],
        attention: Sequence[int],
        blocks: int,
        latent: int,
        groups: int,
        image_channels: int,
        patch: int,
        normalised: bool,
    ) -> None:
        super().__init__()
        self.patch = patch
        block = partial(EncoderBlock, groups=groups)
        attend = _self_attention(groups)
        self.input_blocks, channels = down_blocks(
            block, attend, image_channels * patch**2, width, multipliers, attention, blocks
        )
        deepest = channels[-1]
        self.middle_block = mid_block(block, attend, deepest, len(multipliers) - 1)
        self.out = nn.Sequential(
            GroupNorm(groups, deepest), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(deepest, latent, 1), nn.Flatten()
        )
        if normalised:
            self.out.append(nn.BatchNorm1d(latent, eps=1e-8, affine=False))

    def forward(self, image: Tensor) -> Tensor:
        hidden = functional.pixel_unshuffle(image, self.patch)
        for stage in self.input_blocks:
            hidden = stage(hidden)
        return self.out(self.middle_block(hidden))


def _self_attention(groups: int) -> Attend:
    return lambda channels, level: Attention(channels, groups)
