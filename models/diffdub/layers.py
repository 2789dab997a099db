"""Building blocks of the BeatGANs diffusion auto-encoder (DiffDub specification, sections 4.1 to 4.3)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class GroupNorm(nn.GroupNorm):
    """Group normalisation in float32 whatever comes in: its sums lose too much in half precision."""

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__(groups, channels, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        normed = functional.group_norm(x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps)
        return normed.to(x.dtype)


class TimeEmbedding(nn.Module):
    """Step index t (n,) -> (n, embedding): cosines, then sines, of `width`/2 frequencies, through two linear layers."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.width = width
        self.time_embed = nn.Sequential(nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding))

    def forward(self, t: Tensor) -> Tensor:
        half = self.width // 2
        frequencies = torch.exp(-math.log(10_000) * torch.arange(half, dtype=torch.float32, device=t.device) / half)
        angles = t.float()[:, None] * frequencies
        return self.time_embed(torch.cat([angles.cos(), angles.sin()], dim=1))


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
    return zeroed(layer) if zero else layer


def zeroed(layer: nn.Module) -> nn.Module:
    """Set a layer's parameters to zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class EncoderBlock(nn.Module):
    """Residual block of the semantic encoder: skip(x) + conv(SiLU(GN(x))), resampled after the activation."""

    def __init__(self, inputs: int, outputs: int, groups: int, direction: str | None = None) -> None:
        super().__init__()
        self.direction = direction
        self.in_layers = nn.Sequential(GroupNorm(groups, inputs), nn.SiLU(), convolution(inputs, outputs))
        self.skip_connection = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        norm, activation, conv = self.in_layers
        hidden = conv(resample(activation(norm(x)), self.direction))
        return self.skip_connection(resample(x, self.direction)) + hidden


class ConditionedBlock(EncoderBlock):
    """Residual block of the UNet: a second half that is scaled and shifted by the time, then scaled by the latent."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        groups: int,
        direction: str | None = None,
        *,
        embedding: int,
        latent: int,
        dropout: float,
    ) -> None:
        super().__init__(inputs, outputs, groups, direction)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * outputs))
        self.cond_emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(latent, outputs))
        self.out_layers = nn.Sequential(
            GroupNorm(groups, outputs), nn.SiLU(), nn.Dropout(dropout), convolution(outputs, outputs, zero=True)
        )

    def forward(self, x: Tensor, time: Tensor, latent: Tensor) -> Tensor:
        """x (n, inputs, h, w), time (n, embedding), latent (n, latent) -> (n, outputs, h', w')."""
        norm, activation, conv = self.in_layers
        hidden = conv(resample(activation(norm(x)), self.direction))
        scale, shift = self.emb_layers(time)[:, :, None, None].chunk(2, dim=1)
        hidden = self.out_layers[0](hidden) * (1 + scale) + shift
        hidden = hidden * (1 + self.cond_emb_layers(latent)[:, :, None, None])
        return self.skip_connection(resample(x, self.direction)) + self.out_layers[1:](hidden)


class Attention(nn.Module):
    """Self-attention of one head over all pixels; query and key are each scaled by C^(-1/4)."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = GroupNorm(groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        # (n, 1 head, pixels, channels) each; scaling both sides keeps half-precision scores in range
        query, key, value = self.qkv(self.norm(flat)).transpose(1, 2).unsqueeze(1).chunk(3, dim=-1)
        scale = x.shape[1] ** -0.25
        attended = functional.scaled_dot_product_attention(query * scale, key * scale, value, scale=1.0)
        return (flat + self.proj_out(attended.squeeze(1).transpose(1, 2))).view_as(x)


class Stage(nn.Sequential):
    """Blocks in a row, of which some are conditioned on time and latent."""

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        for block in self:
            x = block(x, *condition) if isinstance(block, ConditionedBlock) else block(x)
        return x
