"""AToM's motion decoder: the motion of 68 landmarks from speech and one face (MoDiTalker specification, section 4)."""

import re
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.unet import sinusoids

LANDMARKS = 68
LIPS = (*range(17), *range(48, 68))  # the jaw moves with the mouth
REST = tuple(range(17, 48))

# Parameters of the published files that nothing uses.
UNUSED = re.compile(
    r"(input_projection|pos_encoder|pos_projection|non_attn_pos_projection|face_mlp|to_face_cond|to_face_tokens)\."
    r"|seqTransDecoder\.stack\.\d+\.linear[12]\."
)


class Conditions(NamedTuple):
    """What a motion follows: speech `audio` (n, 2 length, width), the face (n, length, width) and of both together the part
    of the FiLM `vector` (n, width) that they give."""

    audio: Tensor
    face: Tensor
    vector: Tensor

    def where(self, keep: Tensor, others: "Conditions") -> "Conditions":
        """These for the items of a batch where `keep` (n,) bool holds, the `others` for the rest: one mask for all parts."""
        pairs = zip(self, others, strict=True)
        return Conditions(*(torch.where(keep.view(-1, *[1] * (one.ndim - 1)), one, other) for one, other in pairs))


class MotionDecoder(nn.Module):
    """The clean residual motion behind a noisy one; the defaults are the published network (48.49 M parameters in use).

    A motion is always `length` frames long, with `audio_width` numbers of speech at twice its rate: the stand-ins for
    dropped conditions have that many positions. What is not published and short trainings need: `normalised` brings speech
    to zero mean and unit variance; with `direct` the encoded face is added to every frame, a frame's encoded speech to its
    lips, and each layer's input to its output, so that no attention must first find out what belongs to which frame.
    """

    def __init__(
        self,
        *,
        width: int = 512,
        heads: int = 8,
        feed_forward: int = 1024,
        layers: int = 8,
        encoder_layers: int = 2,
        audio_width: int = 1024,
        length: int = 156,
        dropout: float = 0.1,
        normalised: bool = False,
        direct: bool = False,
    ) -> None:
        super().__init__()
        self.width, self.length, self.audio_width, self.direct = width, length, audio_width, direct

        def encoder() -> nn.Sequential:
            return nn.Sequential(*(EncoderLayer(width, heads, feed_forward, dropout) for _ in range(encoder_layers)))

        self.null_cond_embed = nn.Parameter(torch.randn(1, 2 * length, width))
        self.null_cond_hidden = nn.Parameter(torch.randn(1, width))
        self.face_null_cond_embed = nn.Parameter(torch.randn(1, length, width))
        # The published numbering begins with the sinusoids.
        self.time_mlp = nn.Sequential(nn.Identity(), nn.Linear(width, 4 * width), nn.Mish())
        self.to_time_cond = nn.Sequential(nn.Linear(4 * width, width))
        self.to_time_tokens = nn.Sequential(nn.Linear(4 * width, 2 * width), nn.Unflatten(1, (2, width)))
        self.audio_norm = nn.BatchNorm1d(audio_width, affine=False) if normalised else nn.Identity()
        self.cond_projection = nn.Linear(audio_width, width)
        self.cond_encoder = encoder()
        self.non_attn_cond_projection = _pooled_projection(width)
        self.face_projection = nn.Linear(3 * LANDMARKS, width)
        self.face_encoder = encoder()
        self.non_attn_face_projection = _pooled_projection(width)
        self.norm_cond = nn.LayerNorm(width)
        self.input_projection_lip = nn.Linear(3 * len(LIPS), width)
        self.input_projection_wo_lip = nn.Linear(3 * len(REST), width)
        stack = nn.ModuleList(DecoderLayer(width, heads, dropout) for _ in range(layers))
        self.seqTransDecoder = nn.ModuleDict({"stack": stack})
        self.final_layer = nn.Linear(2 * width, 3 * LANDMARKS)

    def conditions(self, reference: Tensor, speech: Tensor) -> Conditions:
        """What to follow: the face `reference` (n, 1, 204), as a motion is, and `speech` (n, 2 length, audio_width)."""
        normed = self.audio_norm(speech.transpose(1, 2)).transpose(1, 2)
        audio = self.cond_encoder(self.cond_projection(normed))
        repeated = reference.expand(-1, self.length, -1)
        face = self.face_encoder(self.face_projection(repeated))
        return Conditions(audio, face, self._vector(self.non_attn_cond_projection(audio.mean(dim=1)), face))

    def without(self, count: int) -> Conditions:
        """What stands for dropped conditions of a batch of `count`."""
        audio, face = (null.expand(count, -1, -1) for null in (self.null_cond_embed, self.face_null_cond_embed))
        return Conditions(audio, face, self._vector(self.null_cond_hidden, face))

    def forward(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """The clean motion (n, length, 204): what each landmark's x, y and z are away from the reference.

        x (n, length, 204) the noisy motion; t (n,) int64 step index 0..999.
        """
        time = self.time_mlp(time_embedding(t, self.width))
        vector = self.to_time_cond(time) + conditions.vector
        tokens = self.to_time_tokens(time)
        everything = self.norm_cond(torch.cat([conditions.audio, tokens, conditions.face], dim=1))
        face = self.norm_cond(torch.cat([tokens, conditions.face], dim=1))
        points = x.unflatten(2, (LANDMARKS, 3))
        lips = self.input_projection_lip(points[:, :, LIPS].flatten(2))
        rest = self.input_projection_wo_lip(points[:, :, REST].flatten(2))
        if self.direct:
            lips = lips + conditions.audio.unflatten(1, (-1, 2)).mean(dim=2) + conditions.face
            rest = rest + conditions.face
        state = torch.cat([lips, rest], dim=2)
        for layer in self.seqTransDecoder["stack"]:
            changed = layer(state, vector, everything, face)
            state = state + changed if self.direct else changed
        return self.final_layer(state)

    def _vector(self, audio: Tensor, face: Tensor) -> Tensor:
        """The published code adds the face in place, once for each half of the state, and both halves see the sum."""
        return 2 * self.non_attn_face_projection(face.mean(dim=1)) + audio


class EncoderLayer(nn.Module):
    """Self-attention and two linear layers, each added to its normalised input: (n, l, width) -> the same shape."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(width, feed_forward)
        self.linear2 = nn.Linear(feed_forward, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + self.dropout(attend(self.self_attn, normed, normed))
        hidden = self.dropout(functional.gelu(self.linear1(self.norm2(x))))
        return x + self.dropout(self.linear2(hidden))


class DecoderLayer(nn.Module):
    """One layer for both halves of the state, lips and rest of the face, with one set of weights."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.linear3 = nn.Linear(width, 2 * width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)
        self.film1 = FiLM(width)
        self.film2 = FiLM(width)
        self.film3 = FiLM(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, state: Tensor, vector: Tensor, everything: Tensor, face: Tensor) -> Tensor:
        """state (n, length, 2 width) -> the same shape; vector (n, width); the memories `everything` and `face` (n, l, width).

        The lips alone attend to the speech. Nothing is added to what the last attention gives.
        """
        lips, rest = state.chunk(2, dim=2)
        lips = lips + self.film1(self._look(self.self_attn, self.norm1(lips)), vector)
        rest = rest + self.film1(self._look(self.self_attn, self.norm1(rest)), vector)
        rest = rest + self.film2(self._look(self.self_attn, self.norm2(rest)), vector)
        lips = lips + self.film2(self._look(self.multihead_attn, self.norm2(lips), everything), vector)
        both = self._look(self.multihead_attn, self.norm3(lips + rest), face)
        return self.linear3(both + self.film3(both, vector))

    def _look(self, attention: nn.MultiheadAttention, x: Tensor, memory: Tensor | None = None) -> Tensor:
        return self.dropout(attend(attention, x, x if memory is None else memory))


class FiLM(nn.Module):
    """x (n, l, width) scaled by one plus a part, and shifted by a part, of what `vector` (n, width) gives."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Mish(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        scale, shift = self.block(vector)[:, None].chunk(2, dim=2)
        return (1 + scale) * x + shift


def attend(attention: nn.MultiheadAttention, x: Tensor, memory: Tensor) -> Tensor:
    """Attention of x (n, l, width) to `memory` (n, m, width), both rotated by their positions, the values not."""
    return attention(rotated(x), rotated(memory), memory, need_weights=False)[0]


def time_embedding(t: Tensor, width: int) -> Tensor:
    """Step index t (n,) -> (n, width): sines, then cosines, as published."""
    return sinusoids(t, width // 2, span=width // 2 - 1).roll(width // 2, dims=1)


def rotated(x: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021) over the whole width: each two neighbours of x (n, l, width) turn together."""
    even = torch.arange(0, x.shape[2], 2, dtype=torch.float32, device=x.device)
    positions = torch.arange(x.shape[1], dtype=torch.float32, device=x.device)
    angles = positions[:, None] / 10_000 ** (even / x.shape[2])
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = x.unflatten(2, (-1, 2)).unbind(dim=3)
    return torch.stack([a * cos - b * sin, b * cos + a * sin], dim=3).flatten(2)


def _pooled_projection(width: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
