"""Building blocks of the BeatGANs diffusion auto-encoder (DiffDub specification, sections 4.1 to 4.3)."""

from torch import Tensor, nn

from models.unet import GroupNorm, convolution, resample, scale_shift, sinusoids


class TimeEmbedding(nn.Module):
    """Step index t (n,) -> (n, embedding): cosines, then sines, of `width`/2 frequencies, through two linear layers."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.width = width
        self.time_embed = nn.Sequential(nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding))

    def forward(self, t: Tensor) -> Tensor:
        return self.time_embed(sinusoids(t, self.width // 2, span=self.width // 2))


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

    conditioned = True

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
        hidden = scale_shift(self.out_layers[0](hidden), self.emb_layers(time))
        hidden = hidden * (1 + self.cond_emb_layers(latent)[:, :, None, None])
        return self.skip_connection(resample(x, self.direction)) + self.out_layers[1:](hidden)
