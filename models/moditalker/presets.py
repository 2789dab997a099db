"""MoDiTalker's sizes: `published` (the published configuration), `small` (one GPU, hours) and `debug` (a CPU, minutes)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.diffusion import Schedule
    from models.moditalker.unet import PlaneUNet


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
        network={"size": 16, "width": 96, "multipliers": (1, 2, 3), "attention": (1, 2)},
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

PRESETS = {"mtov": MTOV}
