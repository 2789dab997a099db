"""What stands in for the auto-encoders and the assembly of clips: small, exact, and without weights to learn."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.moditalker.encoding import Assembly, Latents

SIZE, FRAMES, PLACES = 16, 4, 4


class TinyAutoEncoder(nn.Module):
    """Each block of pixels by its mean, each clip by three planes: its mean over time; what is left, over the rows; and what
    is left of that, over the columns. A picture that stands still comes back."""

    latent_channels = 3

    def __init__(self, size: int = SIZE, frames: int = FRAMES, places: int = PLACES) -> None:
        super().__init__()
        self.size, self.frames, self.places, self.block = size, frames, places, size // places
        self.device_of = nn.Parameter(torch.zeros(()))

    def encode(self, video: Tensor) -> Tensor:
        small = functional.avg_pool3d(video, (1, self.block, self.block))
        xy = small.mean(dim=2, keepdim=True)
        yt = (small - xy).mean(dim=3, keepdim=True)
        xt = (small - xy - yt).mean(dim=4, keepdim=True)
        return torch.cat([plane.flatten(2) for plane in (xy, yt, xt)], dim=2)

    def decode(self, latent: Tensor) -> Tensor:
        xy, yt, xt = latent.split([self.places**2, *2 * [self.frames * self.places]], dim=2)
        small = xy.unflatten(2, (1, self.places, self.places)) + yt.unflatten(2, (self.frames, 1, self.places))
        small = small + xt.unflatten(2, (self.frames, self.places, 1))
        return functional.interpolate(small, scale_factor=(1, self.block, self.block), mode="nearest")


def video(frames: Sequence[np.ndarray], size: int) -> Tensor:
    """(3, t, size, size) by blocks of pixels."""
    pictures = torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2).float() / 127.5 - 1
    return functional.adaptive_avg_pool3d(pictures, (len(frames), size, size))


def masked(frames: Sequence[np.ndarray], points: np.ndarray, size: int) -> Tensor:
    rows = np.arange(len(frames[0]))[:, None, None]
    return video([frame * (rows < int(place[33, 1])) for frame, place in zip(frames, points, strict=True)], size)


def raster(points: np.ndarray, side: int, size: int) -> Tensor:
    """A clip as bright as the first landmark is far to the right."""
    bright = torch.from_numpy(points[:, 0, 0] / side * 2 - 1).float()
    return bright[None, :, None, None].expand(3, -1, size, size)


def tiny_latents() -> Latents:
    return Latents(TinyAutoEncoder(), TinyAutoEncoder(), Assembly(video, masked, raster))


def filled(network: nn.Module, scale: float = 0.3) -> nn.Module:
    """The network with no layer that is zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return network


class ConvolvedAutoEncoder(TinyAutoEncoder):
    """One that has arithmetic to count."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.back = nn.Conv3d(3, 3, 1), nn.Conv3d(3, 3, 1)

    def encode(self, video: Tensor) -> Tensor:
        return super().encode(self.into(video)).tanh()

    def decode(self, latent: Tensor) -> Tensor:
        return self.back(super().decode(latent)).tanh()
