"""MToV's auto-encoder of short videos, whose latent is three planes (MoDiTalker specification, section 7)."""

import torch
from torch import Tensor, nn

from models.moditalker.timesformer import Attention, FeedForward, Normed, TimeSformer

PLANES = ("xy", "yt", "xt")


class PlaneTransformer(nn.Module):
    """Sums a sequence up in its first position."""

    def __init__(self, channels: int, depth: int, heads: int, head_width: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList(
                (
                    Normed(channels, Attention(channels, heads, head_width)),
                    Normed(channels, FeedForward(channels, hidden)),
                )
            )
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, positions, c) -> (n, c)."""
        *layers, (attention, feed_forward) = self.layers
        for mixed, fed in layers:
            x = fed(mixed(x))
        # Of the last layer nothing else is needed.
        first = x[:, :1] + attention.fn(attention.norm(x), wanted=1)
        return feed_forward(first)[:, 0]


class VideoAutoencoder(nn.Module):
    """Videos of `frames` pictures of `size` pixels on a side, in [-1, 1], as latents in (-1, 1).

    A latent is the three planes row by row, one after the other: `xy` (h, w), `yt` (t, w), `xt` (t, h), where h and w are
    `size` / `patch`. Published are two of one class: for pictures, and for rasters of landmarks.

    channels, depth, heads, head_width       of both TimeSformers
    plane_depth, plane_heads, plane_hidden   of the transformers that reduce features to planes; a head has
                                             channels / 8 channels
    """

    def __init__(
        self,
        size: int = 256,
        frames: int = 16,
        patch: int = 8,
        channels: int = 384,
        depth: int = 8,
        heads: int = 8,
        head_width: int = 64,
        plane_depth: int = 4,
        plane_heads: int = 4,
        plane_hidden: int = 512,
        latent_channels: int = 4,
        colours: int = 3,
    ) -> None:
        super().__init__()
        self.size, self.frames, self.patch = size, frames, patch
        self.encoder = TimeSformer(channels, depth, heads, head_width, patch, colours)
        self.decoder = TimeSformer(channels, depth, heads, head_width)
        side = size // patch
        for plane, length in zip(PLANES, (frames, side, side), strict=True):
            reduce = PlaneTransformer(channels, plane_depth, plane_heads, channels // 8, plane_hidden)
            self.add_module(f"{plane}_quant_attn", reduce)
            for name, positions in (("token", 1), ("pos_embedding", length + 1)):
                table = nn.Parameter(torch.empty(1, positions, channels))
                self.register_parameter(f"{plane}_{name}", nn.init.normal_(table, 0.0, 0.02))
            self.add_module(f"pre_{plane}", nn.Conv2d(channels, latent_channels, 1))
            self.add_module(f"post_{plane}", nn.Conv2d(latent_channels, channels, 1))
        # A module without weights stood before it.
        self.to_pixel = nn.Sequential(nn.Identity(), nn.ConvTranspose2d(channels, colours, patch, patch))

    def encode(self, video: Tensor) -> Tensor:
        """video (n, colours, t, H, W) -> latent (n, latent channels, h w + t w + t h).

        Fewer frames and smaller pictures than the network's are taken, too, as are others whose sides are multiples of
        `patch`.
        """
        return self.latent(self.encoder(video))

    def latent(self, features: Tensor) -> Tensor:
        """The latent of the encoder's features (n, c, t, h, w)."""
        last = features.movedim(1, -1)
        sequences = {"xy": last.movedim(1, 3), "yt": last.movedim(2, 3), "xt": last.transpose(2, 3).movedim(2, 3)}
        planes = [self._reduced(plane, sequence).flatten(2) for plane, sequence in sequences.items()]
        return torch.cat(planes, dim=-1).tanh()

    def decode(self, latent: Tensor) -> Tensor:
        """latent (n, latent channels, positions) of square pictures as many as the network's -> video (n, colours, t, H, W)."""
        features = self.decoder(self.features(latent))
        frames = features.transpose(1, 2).flatten(0, 1)
        return (2 * self.to_pixel(frames).sigmoid() - 1).unflatten(0, (len(latent), -1)).transpose(1, 2)

    def features(self, latent: Tensor) -> Tensor:
        """(n, c, t, h, w): the sum of the planes, each the same along the axis that it lacks."""
        side = self._side(latent.shape[-1])
        times = self.frames * side
        xy, yt, xt = latent.split((side**2, times, times), dim=-1)
        xy = self.post_xy(xy.unflatten(-1, (side, side)))
        yt, xt = (
            post(plane.unflatten(-1, (self.frames, side))) for post, plane in ((self.post_yt, yt), (self.post_xt, xt))
        )
        return xy[:, :, None] + yt[:, :, :, None] + xt[..., None]

    def forward(self, video: Tensor) -> Tensor:
        """video (n, colours, t, H, W) -> the same, through its latent."""
        return self.decode(self.encode(video))

    def _reduced(self, plane: str, sequences: Tensor) -> Tensor:
        """(n, a, b, positions, c) -> (n, latent channels, a, b)."""
        n, a, b, length, _ = sequences.shape
        token = getattr(self, f"{plane}_token").expand(n * a * b, -1, -1)
        x = (
            torch.cat((sequences.flatten(0, 2), token), dim=1)
            + getattr(self, f"{plane}_pos_embedding")[:, : length + 1]
        )
        found = getattr(self, f"{plane}_quant_attn")(x).view(n, a, b, -1)
        return getattr(self, f"pre_{plane}")(found.permute(0, 3, 1, 2))

    def _side(self, positions: int) -> int:
        """h of square planes: positions = h^2 + 2 t h."""
        return round((self.frames**2 + positions) ** 0.5) - self.frames
