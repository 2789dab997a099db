"""DiffTalk's network: the UNet and the encoders of what it is conditioned on (DiffTalk specification, section 7)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.difftalk.audio import NeighbourAttention, WindowEncoder
from models.difftalk.landmarks import LandmarkEncoder
from models.difftalk.unet import Prepared, UNet


class DiffTalkNetwork(nn.Module):
    """The noise in a frame's latent, given the latents of the masked frame and of a reference, speech and landmarks.

    The defaults are the published network, whose first stage stands by itself (`models/difftalk/first_stage.py`).
    `width` to `groups` and `dropout`, `recompute` are the UNet's; `latent_channels` those of one latent. Speech is
    `neighbours` windows of rows of `speech_width` features, of which the `rows` in the middle are used, in a vector of
    `features` numbers; so are the landmarks. `attention_channels` belongs to their encoders. Where they are `normalised`,
    landmarks go in and the speech's vector comes out with about unit variance: a fresh encoder's vectors hardly differ,
    which the UNet does not notice for hundreds of steps.
    """

    def __init__(
        self,
        *,
        width: int = 256,
        multipliers: Sequence[int] = (1, 2, 3, 4),
        blocks: int = 2,
        attention: Sequence[int] = (1, 2, 3),
        head_width: int = 32,
        groups: int = 32,
        dropout: float = 0.0,
        recompute: bool = False,
        latent_channels: int = 3,
        speech_width: int = 29,
        rows: int = 16,
        neighbours: int = 8,
        features: int = 64,
        attention_channels: int = 32,
        points: int = 39,
        normalised: bool = False,
    ) -> None:
        super().__init__()
        self.unet = UNet(
            width=width,
            multipliers=multipliers,
            blocks=blocks,
            attention=attention,
            head_width=head_width,
            context=2 * features,
            channels=latent_channels,
            known_channels=2 * latent_channels,
            groups=groups,
            dropout=dropout,
            recompute=recompute,
        )
        self.audio = WindowEncoder(width=speech_width, rows=rows, outputs=features)
        self.audio_attention = NeighbourAttention(neighbours=neighbours, channels=attention_channels)
        self.landmarks = LandmarkEncoder(points=points, outputs=features, normalised=normalised)
        # The epsilon is below the variance that there is at first.
        self.speech_norm = nn.BatchNorm1d(features, eps=1e-8, affine=False) if normalised else nn.Identity()

    def speech(self, windows: Tensor) -> Tensor:
        """Speech of frames: windows (n, neighbours, 16, speech_width) -> (n, features)."""
        vectors = self.audio(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return self.speech_norm(self.audio_attention(vectors))

    def context(self, windows: Tensor, landmarks: Tensor) -> Tensor:
        """The one context token of frames (n, 1, 2 features): windows (n, neighbours, 16, speech_width), landmarks (n, points,
        2) in pixels of a picture of 256 x 256."""
        return torch.cat([self.speech(windows), self.landmarks(landmarks)], dim=1)[:, None]

    def forward(self, x: Tensor, t: Tensor, masked: Tensor, reference: Tensor, context: Tensor) -> Tensor:
        """The prediction, by published training the noise, for the noisy latent x (n, latent_channels, h, w) at steps t (n,).

        `masked` and `reference` are latents of x's shape, before quantisation; `context` is that of the method.
        """
        return self.unet(torch.cat([x, masked, reference], dim=1), t, context)

    def prepare(self, masked: Tensor, reference: Tensor, context: Tensor) -> Prepared:
        """For `denoise`, all that does not change from one sampling step to the next; arguments as `forward`'s."""
        return self.unet.prepare(torch.cat([masked, reference], dim=1), context)

    def denoise(self, x: Tensor, t: Tensor, prepared: Prepared) -> Tensor:
        """What `forward` gives, from what is prepared."""
        return self.unet.denoise(x, t, prepared)
