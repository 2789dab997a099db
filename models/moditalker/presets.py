"""MoDiTalker's sizes: `published` (the published configuration), `small` (one GPU, hours) and `debug` (a CPU, minutes)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from models.moditalker.autoencoder import VideoAutoencoder


# The auto-encoders.


@dataclass(frozen=True)
class AutoencoderPreset:
    """How an auto-encoder is built and trained. All three stages of a preset have networks of one shape.

    network     constructor arguments of `VideoAutoencoder`; what is not named has the published value
    perceptual  weight of LPIPS in its training; at 0 that network is not needed
    judges      width of the first layer of both discriminators
    components  whether the first weights are made from patches of the clips (models/moditalker/components.py); published: no
    contour     whether the jaw's landmarks are in the rasters, as published
    radius      of a landmark's disc in them, in pixels of 256 x 256
    """

    network: Mapping[str, Any] = field(default_factory=dict)
    perceptual: float = 4.0
    judges: int = 64
    components: bool = False
    contour: bool = True
    radius: int = 3

    def build(self) -> "VideoAutoencoder":
        """An auto-encoder with fresh weights."""
        from models.moditalker.autoencoder import VideoAutoencoder

        return VideoAutoencoder(**self.network)

    def raster(self) -> "Callable[[np.ndarray, int, int], Tensor]":
        """`models.moditalker.clips.raster_clip` with the preset's landmarks."""
        from models.moditalker.clips import raster_clip

        return partial(raster_clip, contour=self.contour, radius=self.radius)


AUTOENCODERS = {
    # 62.1 M parameters; 722 GMAC to encode and 579 to decode 16 frames.
    "published": AutoencoderPreset(),
    # 12.9 M. Planes of the published size.
    "small": AutoencoderPreset(
        network={"size": 128, "patch": 4, "channels": 256, "depth": 4, "head_width": 32, "plane_depth": 2},
        components=True,
        contour=False,
    ),
    # 0.5 M.
    "debug": AutoencoderPreset(
        network={
            "size": 64,
            "frames": 8,
            "channels": 96,
            "depth": 1,
            "heads": 3,
            "head_width": 32,
            "plane_depth": 1,
            "plane_heads": 3,
            "plane_hidden": 96,
            "latent_channels": 16,
        },
        perceptual=0.0,
        judges=16,
        components=True,
        contour=False,
        radius=7,
    ),
}

PRESETS = {
    "rgb_autoencoder": AUTOENCODERS,
    "rgb_autoencoder_gan": AUTOENCODERS,
    "motion_autoencoder": AUTOENCODERS,
}
