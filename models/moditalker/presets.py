"""MoDiTalker's sizes: `published` (the published configuration), `small` (one GPU, hours) and `debug` (a CPU, minutes)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from models.diffusion import Schedule
    from models.moditalker.atom import MotionDecoder
    from models.moditalker.autoencoder import VideoAutoencoder
    from models.moditalker.unet import PlaneUNet


@dataclass(frozen=True)
class AtomPreset:
    """How the motion decoder is built and sampled.

    network   constructor arguments of `MotionDecoder`; what is not named has the published value
    steps     sampling steps
    eta       of DDIM
    guidance  how far sampling follows speech and face; 1 is what training sees
    limit     sampled motion is clamped to [-limit, limit] around its reference, None leaves it (published 1, a centimetre
              for each coordinate)
    spread    standard deviation of motion around its reference; where it is given, the network does not see the noisy motion,
              which is all noise for most of the steps, but the best linear guess of the clean one
    """

    network: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 50
    eta: float = 1.0
    guidance: float = 2.0
    limit: float | None = 1.0
    spread: float | None = None

    @property
    def length(self) -> int:
        """Frames of a window."""
        return self.network.get("length", 156)

    def build(self, speech_width: int) -> "MotionDecoder":
        """A network with fresh weights, for speech features of that width."""
        from models.moditalker.atom import MotionDecoder

        return MotionDecoder(**{**self.network, "audio_width": speech_width})

    def training_schedule(self) -> "Schedule":
        """All 1000 steps, their tables in float32 as published: near its ends 1 - alpha-bar is then another by 4e-4."""
        from models.diffusion import Schedule, cosine_schedule

        whole = cosine_schedule()
        return Schedule(whole.betas.float(), whole.steps)

    def sampling_schedule(self, steps: int | None = None) -> "Schedule":
        """The steps of sampling, `steps` or the preset's number; InputError for a number that cannot be had."""
        from models.diffusion import truncated

        return truncated(self.training_schedule(), self.steps if steps is None else steps)

    def seen(self, x: "Tensor", t: "Tensor") -> "Tensor":
        """What the network sees of noisy motion x (n, length, 204) at steps t (n,)."""
        from models.diffusion.schedule import at

        if self.spread is None:
            return x
        kept = at(self.training_schedule().alphas_cumprod, t, x)
        power = kept * self.spread**2
        return x * power / kept.sqrt() / (power + 1 - kept)


ATOM = {
    # 48.5 M parameters, 12.4 GMAC for a window of 156 frames.
    "published": AtomPreset(),
    # 7.9 M.
    "small": AtomPreset(
        network={
            "width": 256,
            "feed_forward": 512,
            "layers": 4,
            "length": 80,
            "normalised": True,
            "direct": True,
        },
        steps=25,
        guidance=1.5,
        limit=None,
        spread=0.3,
    ),
    # 281 000.
    "debug": AtomPreset(
        network={
            "width": 64,
            "heads": 4,
            "feed_forward": 128,
            "layers": 1,
            "encoder_layers": 1,
            "length": 32,
            "normalised": True,
            "direct": True,
        },
        steps=5,
        guidance=1.0,
        limit=None,
        spread=0.3,
    ),
}


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


@dataclass(frozen=True)
class PlanePreset:
    """How MToV's UNet is built, trained and sampled.

    network     constructor arguments of `PlaneUNet`; what is not named has the published value. Its planes are those of
                the auto-encoders of the same preset
    prediction  what it answers: "noise" (published), or another of `models.diffusion.PREDICTIONS`; the latent of the
                reference is the base of "residual_start"
    schedule    "scaled_linear" (published) or "cosine" noise schedule over 1000 steps
    spacing     which of them sampling takes: "truncated" (published) or "trailing", much the same
    steps       sampling steps from pure noise
    eta         of DDIM: how much noise each step adds
    start       what sampling starts from: the "reference", noised as far as the last `ratio` of the steps begins (published),
                or "noise"
    ratio       of "reference"
    noise       "fresh" for every clip of frames (published) or "fixed", the same throughout a video
    overlap     frames that a clip shares with the one before it, blended over; published 0
    reference   which one an item learns with: "own", its clip's first frame (published), or "any" frame of the video that
                begins an item: in sampling it is never the clip's own
    stride      frames between the starts of clips that are encoded for training. At 4 the 16 hours of HDTF take 23 GB, and
                half of the encodes that the published training makes as it goes
    """

    network: Mapping[str, Any] = field(default_factory=dict)
    prediction: str = "noise"
    schedule: str = "scaled_linear"
    spacing: str = "truncated"
    steps: int = 100
    eta: float = 1.0
    start: str = "reference"
    ratio: float = 0.25
    noise: str = "fresh"
    overlap: int = 0
    reference: str = "own"
    stride: int = 4

    def build(self, width: int | None = None) -> "PlaneUNet":
        """A network with fresh weights; of another `width` where published files are of one."""
        from models.moditalker.unet import PlaneUNet

        return PlaneUNet(**{**self.network, **({"width": width} if width else {})})

    def training_schedule(self) -> "Schedule":
        """All 1000 steps."""
        from models.diffusion import cosine_schedule, scaled_linear_schedule

        return {"scaled_linear": scaled_linear_schedule, "cosine": cosine_schedule}[self.schedule]()

    def sampling_schedule(self, steps: int | None = None, start: str | None = None) -> "Schedule":
        """The steps of sampling: `steps` or the preset's number of them from pure noise, of which a `start` from the reference
        takes the last; InputError for a number that cannot be had."""
        from models.diffusion import trailing, truncated

        count = self.steps if steps is None else steps
        spaced = {"truncated": truncated, "trailing": trailing}[self.spacing](self.training_schedule(), count)
        return spaced if (start or self.start) == "noise" else spaced.head(max(int(count * self.ratio), 1))


MTOV = {
    # 132.2 M parameters, 35.8 GMAC a step for 16 frames.
    "published": PlanePreset(),
    "small": PlanePreset(
        network={"size": 32, "width": 96, "multipliers": (1, 2, 3), "attention": (1, 2)},
        prediction="residual_start",
        schedule="cosine",
        spacing="trailing",
        steps=20,
        eta=0.0,
        start="noise",
        noise="fixed",
        overlap=4,
        reference="any",
    ),
    # 0.9 M. With the item's own first frame as its reference a training of this length learns nothing: the two hardly differ.
    "debug": PlanePreset(
        network={
            "size": 8,
            "frames": 8,
            "channels": 16,
            "width": 32,
            "multipliers": (1, 2),
            "attention": (),
            "blocks": 1,
            "heads": 2,
            "groups": 8,
        },
        prediction="residual_start",
        schedule="cosine",
        spacing="trailing",
        steps=4,
        eta=0.0,
        start="noise",
        noise="fixed",
        overlap=2,
        reference="any",
        stride=1,
    ),
}

PRESETS = {
    "atom": ATOM,
    "rgb_autoencoder": AUTOENCODERS,
    "rgb_autoencoder_gan": AUTOENCODERS,
    "motion_autoencoder": AUTOENCODERS,
    "mtov": MTOV,
}
