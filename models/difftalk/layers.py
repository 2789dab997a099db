"""Blocks of latent diffusion's UNet (DiffTalk specification, section 7.5; Rombach et al. 2022)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.unet import GroupNorm, convolution, resample, zero_init


class TimedBlock(nn.Module):
    """Residual block to which the time is added between its two halves."""

    conditioned = True

    def __init__(self, inputs: int, outputs: int, *, groups: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(GroupNorm(groups, inputs), nn.SiLU(), convolution(inputs, outputs))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, outputs))
        self.out_layers = nn.Sequential(
            GroupNorm(groups, outputs), nn.SiLU(), nn.Dropout(dropout), convolution(outputs, outputs, zero=True)
        )
        self.skip_connection = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, time: Tensor, context: object) -> Tensor:
        """x (n, inputs, h, w), time (n, embedding) -> (n, outputs, h, w); the context is not used."""
        hidden = self.in_layers(x) + self.emb_layers(time)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(hidden)


class Downsample(nn.Module):
    """Half the height and width, by a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Upsample(nn.Module):
    """Twice the height and width: nearest, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(resample(x, "up"))


class TokenAttention(nn.Module):
    """Attention of tokens to `context` tokens: queries of the first, keys and values of the second; `heads` in a row."""

    def __init__(self, channels: int, context: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context, channels, bias=False)
        self.to_v = nn.Linear(context, channels, bias=False)
        self.to_out = nn.Sequential(nn.Linear(channels, channels))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """x (n, tokens, channels), context (n, others, context) -> (n, tokens, channels)."""
        projected = (self.to_q(x), self.to_k(context), self.to_v(context))
        query, key, value = (tokens.unflatten(2, (self.heads, -1)).transpose(1, 2) for tokens in projected)
        result = functional.scaled_dot_product_attention(query, key, value)
        return self.to_out(result.transpose(1, 2).flatten(2))

    def of_one(self, context: Tensor) -> Tensor:
        """What any token gets of a single one: context (n, 1, context) -> (n, 1, channels). Its weight is 1 whatever the
        query is."""
        return self.to_out(self.to_v(context))


class GatedLinear(nn.Module):
    """Linear layer with a gate: half of it times the exact GELU of the other half."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, 2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * functional.gelu(gate)


class FeedForward(nn.Module):
    """Two layers on every token by itself, four times as wide between them."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.net = nn.Sequential(
            GatedLinear(channels, 4 * channels), nn.Dropout(dropout), nn.Linear(4 * channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class TransformerBlock(nn.Module):
    """Attention to the picture's own tokens, then to the context's, then a feed-forward layer, each added."""

    def __init__(self, channels: int, context: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attn1 = TokenAttention(channels, channels, heads)
        self.ff = FeedForward(channels, dropout)
        self.attn2 = TokenAttention(channels, context, heads)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))

    def forward(self, x: Tensor, context: Tensor, attended: Tensor | None) -> Tensor:
        """x (n, tokens, channels) and either context (n, others, context) or `attended` (n, 1, channels), which stands for it."""
        normed = self.norm1(x)
        x = self.attn1(normed, normed) + x
        x = (self.attn2(self.norm2(x), context) if attended is None else attended) + x
        return self.ff(self.norm3(x)) + x


class SpatialTransformer(nn.Module):
    """A transformer block over all places of a picture, added to it.

    A context of one token gives every place the same (`attended`): then nothing is computed of the queries and keys.
    """

    conditioned = True

    def __init__(self, channels: int, *, context: int, heads: int, groups: int, dropout: float) -> None:
        super().__init__()
        self.norm = GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(channels, context, heads, dropout)])
        self.proj_out = zero_init(nn.Conv2d(channels, channels, 1))

    def attended(self, context: Tensor) -> Tensor:
        """What every place gets of a context of one token: (n, 1, context) -> (n, 1, channels)."""
        (block,) = self.transformer_blocks
        attended = block.attn2.of_one(context)
        if torch.is_grad_enabled():
            # Their gradient is zero, but there must be one: training on several devices waits for every parameter's.
            idle = (*block.norm2.parameters(), block.attn2.to_q.weight, block.attn2.to_k.weight)
            attended = attended + 0 * sum(parameter.sum() for parameter in idle)
        return attended

    def forward(self, x: Tensor, time: Tensor, context: Tensor | Mapping["SpatialTransformer", Tensor]) -> Tensor:
        """x (n, channels, h, w) -> the same; the time is not used.

        `context` (n, tokens, context) is all tokens, or `attended` of each transformer of the network.
        """
        attended = context[self] if isinstance(context, Mapping) else None
        (block,) = self.transformer_blocks
        tokens = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        tokens = block(tokens, context, attended)
        return x + self.proj_out(tokens.transpose(1, 2).unflatten(2, x.shape[2:]))
