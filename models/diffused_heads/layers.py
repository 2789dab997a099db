"""Residual and attention blocks that speech modulates (Diffused Heads specification, sections 4.3 to 4.5)."""

import torch
from torch import Tensor, nn

from models.unet import GroupNorm, convolution, qkv_attention, resample, scale_shift, zero_init


class ConditionedBlock(nn.Module):
    """Residual block whose one normalisation in its second half is scaled and shifted by the time, then changed by speech.

    `speech` says how: "scale_shift" as the time does, "scale" by a factor alone, None not at all.
    """

    conditioned = True

    def __init__(
        self,
        inputs: int,
        outputs: int,
        direction: str | None = None,
        *,
        groups: int,
        embedding: int,
        speech: str | None,
        dropout: float,
    ) -> None:
        super().__init__()
        self.direction, self.speech = direction, speech
        self.in_layers = nn.Sequential(GroupNorm(groups, inputs), nn.SiLU(), convolution(inputs, outputs))
        self.t_emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * outputs))
        if speech:
            values = {"scale_shift": 2 * outputs, "scale": outputs}[speech]
            self.audio_emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, values))
        self.out_layers = nn.Sequential(
            GroupNorm(groups, outputs), nn.SiLU(), nn.Dropout(dropout), convolution(outputs, outputs, zero=True)
        )
        self.skip_connection = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, time: Tensor, audio: Tensor) -> Tensor:
        """x (n, inputs, h, w), time and audio (n, embedding) -> (n, outputs, h', w')."""
        norm, activation, conv = self.in_layers
        hidden = conv(resample(activation(norm(x)), self.direction))
        hidden = scale_shift(self.out_layers[0](hidden), self.t_emb_layers(time))
        if self.speech == "scale_shift":
            hidden = scale_shift(hidden, self.audio_emb_layers(audio))
        elif self.speech == "scale":
            hidden = hidden * self.audio_emb_layers(audio)[:, :, None, None]
        return self.skip_connection(resample(x, self.direction)) + self.out_layers[1:](hidden)


class SpeechAttention(nn.Module):
    """Attention with queries from the picture, keys and values from one speech embedding laid out over `pixels` positions.

    Heads are cut from [query | key | value] as if those of each head stood together, which they do not: a slip of the
    published code that its weights have learnt to live with.
    """

    conditioned = True

    def __init__(self, channels: int, groups: int, heads: int, embedding: int, pixels: int) -> None:
        super().__init__()
        self.heads = heads
        self.audio_emb_proj = nn.Linear(embedding, pixels)
        self.norm_x = GroupNorm(groups, channels)
        self.norm_emb = GroupNorm(groups, channels)
        self.q = nn.Conv1d(channels, channels, 1)
        self.kv = nn.Conv1d(channels, 2 * channels, 1)
        self.proj_out = zero_init(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor, time: Tensor, audio: Tensor) -> Tensor:
        """x (n, channels, h, w) with h w = pixels, audio (n, embedding) -> x and what it attends to; time is not used."""
        flat = x.flatten(2)
        speech = self.audio_emb_proj(audio)[:, None].expand_as(flat)
        qkv = torch.cat([self.q(self.norm_x(flat)), self.kv(self.norm_emb(speech))], dim=1)
        return (flat + self.proj_out(qkv_attention(qkv, self.heads))).view_as(x)
