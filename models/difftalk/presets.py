"""DiffTalk's sizes: `published` (the published configuration), `small` (one GPU, hours) and `debug` (a CPU, minutes)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.difftalk.first_stage import FirstStage
    from models.difftalk.network import DiffTalkNetwork
    from models.diffusion import Schedule


@dataclass(frozen=True)
class FirstStagePreset:
    """How the first stage is built and trained.

    size        working size of pictures in pixels
    network     constructor arguments of `FirstStage`; what is not named has the published value
    perceptual  weight of LPIPS in its training; at 0 that network is not needed
    """

    size: int = 256
    network: Mapping[str, Any] = field(default_factory=dict)
    perceptual: float = 1.0

    def build(self) -> "FirstStage":
        """A first stage with fresh weights."""
        from models.difftalk.first_stage import FirstStage

        return FirstStage(**self.network)


@dataclass(frozen=True)
class UNetPreset:
    """How the network is built, trained and sampled.

    network     constructor arguments of `DiffTalkNetwork`; what is not named has the published value
    prediction  what the network answers: "noise" (published), or another of `models.diffusion.PREDICTIONS`
    schedule    "scaled_linear" (published) or "cosine" noise schedule over 1000 steps
    spacing     which of them sampling takes: "strided" from the second on (published), or "trailing" (any count)
    steps       sampling steps
    region      what is painted: "polygon" (published) or "lower_face" (models/difftalk/masks.py)
    noise       that sampling starts from: "fresh" for every frame (published) or "fixed", the same throughout a clip
    """

    network: Mapping[str, Any] = field(default_factory=dict)
    prediction: str = "noise"
    schedule: str = "scaled_linear"
    spacing: str = "strided"
    steps: int = 200
    region: str = "polygon"
    noise: str = "fresh"

    def build(self, speech_width: int) -> "DiffTalkNetwork":
        """A network with fresh weights, for speech features of that width."""
        from models.difftalk.network import DiffTalkNetwork

        return DiffTalkNetwork(**{**self.network, "speech_width": speech_width})

    def training_schedule(self) -> "Schedule":
        """All 1000 steps."""
        from models.diffusion import cosine_schedule, scaled_linear_schedule

        return {"scaled_linear": scaled_linear_schedule, "cosine": cosine_schedule}[self.schedule]()

    def sampling_schedule(self, steps: int | None = None) -> "Schedule":
        """The steps of sampling, `steps` or the preset's number; InputError for a number that cannot be had.

        The published rule gives one step more where `steps` does not divide 1000.
        """
        from models.diffusion import strided, trailing

        whole, count = self.training_schedule(), self.steps if steps is None else steps
        if self.spacing == "trailing":
            return trailing(whole, count)
        return strided(whole, max(1, len(whole) // count), offset=1)


PRESETS = {
    "first_stage": {
        # 55.3 M parameters; 173 GMAC to encode and 335 to decode a picture of 256 x 256.
        "published": FirstStagePreset(),
        # 13.9 M.
        "small": FirstStagePreset(size=128, network={"width": 64, "codes": 4096}),
        # On 4 x 4 blocks of pixels.
        "debug": FirstStagePreset(
            size=64,
            network={
                "width": 48,
                "multipliers": (1,),
                "blocks": 1,
                "latent_channels": 6,
                "codes": 1024,
                "groups": 8,
                "patch": 4,
            },
            perceptual=0.0,
        ),
    },
    "unet": {
        # 530.2 M parameters, 166 GMAC per step at 64 x 64 latents (171 as published).
        "published": UNetPreset(),
        # 35.8 M.
        "small": UNetPreset(
            network={"width": 96, "multipliers": (1, 2, 3), "attention": (1, 2), "normalised": True},
            prediction="residual_start",
            schedule="cosine",
            spacing="trailing",
            steps=20,
            region="lower_face",
            noise="fixed",
        ),
        # 1.1 M.
        "debug": UNetPreset(
            network={
                "width": 32,
                "multipliers": (1, 2),
                "blocks": 1,
                "attention": (1,),
                "groups": 8,
                "features": 32,
                "attention_channels": 16,
                "latent_channels": 6,
                "normalised": True,
            },
            prediction="residual_start",
            schedule="cosine",
            spacing="trailing",
            steps=4,
            region="lower_face",
            noise="fixed",
        ),
    },
}
