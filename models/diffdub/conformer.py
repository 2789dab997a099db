"""The conformer that DiffDub's second stage is built of (specs/diffdub.md section 5.1).

Convolution-augmented transformer (Gulati et al. 2020) with relative positions (Dai et al. 2019), in the post-norm form
of ESPnet whose parameter names the public checkpoint carries.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYER_NORM_EPS = 1e-12


def relative_positions(length: int, width: int, device: torch.device | None = None) -> Tensor:
    """Sinusoids of the relative positions length-1 down to -(length-1): (1, 2 length - 1, width) float32.

    Row m stands for position p = length - 1 - m; even columns hold sin(p w_k), odd columns cos(p w_k), with
    w_k = exp(-2k ln(10000) / width).
    """
    position = torch.arange(length - 1, -length, -1, device=device, dtype=torch.float32)
    frequency = torch.exp(torch.arange(0, width, 2, device=device, dtype=torch.float32) * (-math.log(10000.0) / width))
    angle = position[:, None] * frequency
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)[None]


def by_distance(scores: Tensor) -> Tensor:
    """Scores against relative positions (..., L, 2L-1) to scores between places (..., L, L): [i, j] is that of i-j."""
    length = scores.shape[-2]
    place = torch.arange(length, device=scores.device)
    row = length - 1 - (place[:, None] - place)
    return scores.gather(-1, row.expand(*scores.shape[:-1], length))


class RelativeAttention(nn.Module):
    """Self-attention whose scores are [(q_i + u) k_j + (q_i + v) p_(i-j)] / sqrt(d), u and v learned per head.

    x (n, L, width), positions (1, 2L-1, width) -> (n, L, width).
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.linear_q = nn.Linear(width, width)
        self.linear_k = nn.Linear(width, width)
        self.linear_v = nn.Linear(width, width)
        self.linear_out = nn.Linear(width, width)
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, width // heads)))
        self.pos_bias_v = nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, width // heads)))

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        query, key, value = (self._by_head(part(x)) for part in (self.linear_q, self.linear_k, self.linear_v))
        place = self._by_head(self.linear_pos(positions))
        to_place = by_distance((query + self.pos_bias_v[:, None]) @ place.mT) / math.sqrt(query.shape[-1])
        y = F.scaled_dot_product_attention(
            query + self.pos_bias_u[:, None],
            key,
            value,
            attn_mask=to_place,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.linear_out(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two linear layers with a swish between: (n, L, width) -> (n, L, width)."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.w_1 = nn.Linear(width, hidden)
        self.w_2 = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.w_2(self.dropout(F.silu(self.w_1(x))))


class ConvModule(nn.Module):
    """Gated pointwise, depthwise and pointwise convolution over time: (n, L, width) -> (n, L, width)."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.pointwise_conv1 = nn.Conv1d(width, 2 * width, 1)
        self.depthwise_conv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.BatchNorm1d(width)
        self.pointwise_conv2 = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.glu(self.pointwise_conv1(x.mT), dim=1)
        return self.pointwise_conv2(F.silu(self.norm(self.depthwise_conv(y)))).mT


class ConformerBlock(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward; each added, then normed (post-norm)."""

    def __init__(self, width: int, heads: int, ffn: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = RelativeAttention(width, heads, dropout)
        self.feed_forward = FeedForward(width, ffn, dropout)
        self.feed_forward_macaron = FeedForward(width, ffn, dropout)
        self.conv_module = ConvModule(width, kernel)
        for name in ("norm_ff", "norm_mha", "norm_ff_macaron", "norm_conv", "norm_final"):
            setattr(self, name, nn.LayerNorm(width, eps=LAYER_NORM_EPS))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        x = self.norm_ff_macaron(x + 0.5 * self.dropout(self.feed_forward_macaron(x)))
        x = self.norm_mha(x + self.dropout(self.self_attn(x, positions)))
        x = self.norm_conv(x + self.dropout(self.conv_module(x)))
        x = self.norm_ff(x + 0.5 * self.dropout(self.feed_forward(x)))
        return self.norm_final(x)


class Conformer(nn.Module):
    """A stack of conformer blocks: (n, L, width) -> (n, L, width), any L.

    The input is multiplied by sqrt(width); the position table is handed to every block and never added.
    """

    def __init__(self, width: int, blocks: int, heads: int, ffn: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.encoders = nn.ModuleList(ConformerBlock(width, heads, ffn, kernel, dropout) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        length, width = x.shape[-2:]
        positions = self.dropout(relative_positions(length, width, x.device).to(x.dtype))
        x = self.dropout(x * math.sqrt(width))
        for block in self.encoders:
            x = block(x, positions)
        return x
