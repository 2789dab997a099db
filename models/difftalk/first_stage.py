"""DiffTalk's first stage: pictures to small latents and back (DiffTalk specification, section 7.1; Esser et al. 2021)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.difftalk.layers import Upsample
from models.unet import GroupNorm, convolution

EPS = 1e-6  # of every normalisation here
COMMITMENT = 0.25  # weight of the quantiser's second loss
DISTANCES = 2**22  # how many distances to codes are held at a time


class Quantised(NamedTuple):
    """The nearest codes' vectors (n, channels, h, w), whose gradient passes straight on to the latents; the codes' numbers
    (n, h, w) int64; the quantiser's loss, a scalar."""

    latents: Tensor
    indices: Tensor
    loss: Tensor


class FirstStage(nn.Module):
    """Auto-encoder whose latents are quantised; the defaults are the published vq-f4 (55.32 M parameters).

    `multipliers` times `width` are the channels at each level, each half the size of the one before; `blocks` residual
    blocks stand at each on the way in, one more on the way out. There are `codes` latent vectors to choose from, and
    `quantize(latents)` chooses (`Quantiser`). With `patch` p > 1 the levels work on p x p blocks of pixels folded into
    channels, p^2 times cheaper.
    """

    def __init__(
        self,
        *,
        width: int = 128,
        multipliers: Sequence[int] = (1, 2, 4),
        blocks: int = 2,
        channels: int = 3,
        latent_channels: int = 3,
        codes: int = 8192,
        groups: int = 32,
        patch: int = 1,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.factor = patch * 2 ** (len(multipliers) - 1)
        self.encoder = Encoder(width, multipliers, blocks, channels * patch**2, latent_channels, groups)
        self.decoder = Decoder(width, multipliers, blocks, channels * patch**2, latent_channels, groups)
        self.quantize = Quantiser(codes, latent_channels)
        self.quant_conv = nn.Conv2d(latent_channels, latent_channels, 1)
        self.post_quant_conv = nn.Conv2d(latent_channels, latent_channels, 1)

    def encode(self, images: Tensor) -> Tensor:
        """Latents before quantisation (n, latent_channels, h / factor, w / factor), unbounded.

        images (n, channels, h, w) in [-1, 1], height and width divisible by `factor` (4 as published).
        """
        return self.quant_conv(self.encoder(functional.pixel_unshuffle(images, self.patch)))

    def decode(self, latents: Tensor, quantised: bool = True) -> Tensor:
        """Images (n, channels, factor h, factor w), in [-1, 1] but for small excesses, of latents (n, latent_channels, h, w).

        They are `quantised` first, unless they are so already.
        """
        codes = self.quantize(latents).latents if quantised else latents
        return functional.pixel_shuffle(self.decoder(self.post_quant_conv(codes)), self.patch)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The reconstruction (n, channels, h, w) of images, and the quantiser's loss, a scalar: for training."""
        nearest = self.quantize(self.encode(images))
        return self.decode(nearest.latents, quantised=False), nearest.loss


class Quantiser(nn.Module):
    """Latents (n, channels, h, w), each vector in its nearest code of `codes` that are learnt."""

    def __init__(self, codes: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, channels)
        nn.init.uniform_(self.embedding.weight, -1 / codes, 1 / codes)

    def forward(self, latents: Tensor) -> Quantised:
        vectors = latents.movedim(1, -1)
        indices = self.nearest(vectors.reshape(-1, vectors.shape[-1])).view(vectors.shape[:-1])
        chosen = self.embedding(indices).movedim(-1, 1)
        # The weight stands at the codes' term and not at the latents', as published.
        loss = functional.mse_loss(latents, chosen.detach()) + COMMITMENT * functional.mse_loss(
            chosen, latents.detach()
        )
        return Quantised(latents + (chosen - latents).detach(), indices, loss)

    @torch.no_grad()
    def nearest(self, vectors: Tensor) -> Tensor:
        """Numbers (n,) of the codes nearest to vectors (n, channels), in float32 whatever comes in."""
        codes = self.embedding.weight.float()
        sizes = codes.square().sum(dim=1)
        parts = []
        with torch.autocast(vectors.device.type, enabled=False):
            for part in vectors.float().split(max(1, DISTANCES // len(codes))):
                distances = part.square().sum(dim=1, keepdim=True) + sizes - 2 * part @ codes.T
                parts.append(distances.argmin(dim=1))
        return torch.cat(parts)


class ResidualBlock(nn.Module):
    """x + conv(swish(norm(conv(swish(norm(x))))))."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.norm1 = GroupNorm(groups, inputs, EPS)
        self.conv1 = convolution(inputs, outputs)
        self.norm2 = GroupNorm(groups, outputs, EPS)
        self.conv2 = convolution(outputs, outputs)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(functional.silu(self.norm1(x)))
        hidden = self.conv2(functional.silu(self.norm2(hidden)))
        return (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + hidden


class PlaceAttention(nn.Module):
    """Attention of a single head over all places, added to its input."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = GroupNorm(groups, channels, EPS)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        query, key, value = (layer(normed).flatten(2).transpose(1, 2)[:, None] for layer in (self.q, self.k, self.v))
        result = functional.scaled_dot_product_attention(query, key, value)
        return x + self.proj_out(result[:, 0].transpose(1, 2).unflatten(2, x.shape[2:]))


class Downsample(nn.Module):
    """Half the height and width: a convolution over the picture with a column more on the right and a row below."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x, (0, 1, 0, 1)))


class Level(nn.Module):
    """The residual blocks of one size, and what changes to the next one, under its published name."""

    def __init__(self, inputs: int, outputs: int, blocks: int, groups: int, **resampling: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(
            *(ResidualBlock(inputs if index == 0 else outputs, outputs, groups) for index in range(blocks))
        )
        for name, layer in resampling.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = layer(x)
        return x


def _middle(channels: int, groups: int) -> nn.Sequential:
    middle = nn.Sequential()
    middle.add_module("block_1", ResidualBlock(channels, channels, groups))
    middle.add_module("attn_1", PlaceAttention(channels, groups))
    middle.add_module("block_2", ResidualBlock(channels, channels, groups))
    return middle


class Encoder(nn.Module):
    """Images (n, channels, h, w) -> (n, latent_channels, h / factor, w / factor)."""

    def __init__(
        self, width: int, multipliers: Sequence[int], blocks: int, channels: int, latent_channels: int, groups: int
    ) -> None:
        super().__init__()
        self.conv_in = convolution(channels, width)
        inputs, levels = width, []
        for number, multiplier in enumerate(multipliers, start=1):
            outputs = width * multiplier
            resampling = {} if number == len(multipliers) else {"downsample": Downsample(outputs)}
            levels.append(Level(inputs, outputs, blocks, groups, **resampling))
            inputs = outputs
        self.down = nn.Sequential(*levels)
        self.mid = _middle(inputs, groups)
        self.norm_out = GroupNorm(groups, inputs, EPS)
        self.conv_out = convolution(inputs, latent_channels)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.mid(self.down(self.conv_in(images)))
        return self.conv_out(functional.silu(self.norm_out(hidden)))


class Decoder(nn.Module):
    """Latents (n, latent_channels, h, w) -> images (n, channels, factor h, factor w)."""

    def __init__(
        self, width: int, multipliers: Sequence[int], blocks: int, channels: int, latent_channels: int, groups: int
    ) -> None:
        super().__init__()
        inputs = width * multipliers[-1]
        self.conv_in = convolution(latent_channels, inputs)
        self.mid = _middle(inputs, groups)
        levels = []
        for number, multiplier in reversed(list(enumerate(multipliers))):
            outputs = width * multiplier
            resampling = {"upsample": Upsample(outputs)} if number else {}
            levels.append(Level(inputs, outputs, blocks + 1, groups, **resampling))
            inputs = outputs
        # The published numbers count from full size, whichever way one goes.
        self.up = nn.ModuleList(reversed(levels))
        self.norm_out = GroupNorm(groups, inputs, EPS)
        self.conv_out = convolution(inputs, channels)

    def forward(self, latents: Tensor) -> Tensor:
        hidden = self.mid(self.conv_in(latents))
        for level in reversed(self.up):
            hidden = level(hidden)
        return self.conv_out(functional.silu(self.norm_out(hidden)))
