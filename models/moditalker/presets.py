"""MoDiTalker's sizes: `published` (the published configuration), `small` (one GPU, hours) and `debug` (a CPU, minutes)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from models.diffusion import Schedule
    from models.moditalker.atom import MotionDecoder


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

PRESETS = {"atom": ATOM}
