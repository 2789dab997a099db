"""Diffused Heads' sizes: `published` (the public CREMA checkpoint), `small` (one GPU, hours) and `debug` (a CPU, minutes)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.diffused_heads.unet import UNet
    from models.diffusion import Schedule


@dataclass(frozen=True)
class Preset:
    """How the network is built, trained and sampled.

    size        working size of pictures in pixels
    network     constructor arguments of `UNet`; what is not named has the published value
    prediction  what the network answers: "noise" (published) or "residual_start", the frame less the identity frame
    steps       sampling steps of the 1000 of the cosine schedule
    spacing     which of them: "rounded" (published), from the first to the last, or "trailing", which leaves out the first:
                a network that answers with the picture itself would only copy its input there
    sampler     "ancestral" (published), or one of `models.diffusion.SAMPLERS`
    """

    size: int = 128
    network: Mapping[str, Any] = field(default_factory=dict)
    prediction: str = "noise"
    steps: int = 100
    spacing: str = "rounded"
    sampler: str = "ancestral"

    @property
    def motion_frames(self) -> int:
        """How many frames before a frame the network sees."""
        return self.network.get("motion_frames", 2)

    @property
    def motion_channels(self) -> int:
        """3 where they are in colour, 1 where grey."""
        return self.network.get("motion_channels", 3)

    def build(self, audio_width: int, **network: Any) -> "UNet":
        """A network with fresh weights for speech embeddings of that width; `network` goes before the preset's."""
        from models.diffused_heads.unet import UNet

        return UNet(**{"size": self.size, **self.network, "audio_width": audio_width, **network})

    def schedule(self, steps: int | None = None) -> "Schedule":
        """The steps of sampling; None for all 1000, of which training takes random ones."""
        from models.diffusion import cosine_schedule, rounded, trailing

        whole = cosine_schedule()
        return {"rounded": rounded, "trailing": trailing}[self.spacing](whole, steps) if steps else whole


PRESETS = {
    "unet": {
        # 215.75 M parameters, 518 GMAC per network call at 128 x 128.
        "published": Preset(),
        # 31 M. The residual on the identity frame needs a fraction of the training that noise prediction needs.
        "small": Preset(
            network={"width": 96, "multipliers": (1, 2, 3), "head_width": 48, "out_channels": 3},
            prediction="residual_start",
            steps=10,
            spacing="trailing",
            sampler="ddim",
        ),
        # 1.7 M on 4 x 4 blocks of pixels.
        "debug": Preset(
            size=64,
            network={
                "width": 32,
                "multipliers": (1, 2, 2),
                "blocks": 1,
                "attention": (),
                "head_width": 32,
                "groups": 8,
                "dropout": 0.0,
                "patch": 4,
                "out_channels": 3,
            },
            prediction="residual_start",
            steps=4,
            spacing="trailing",
            sampler="ddim",
        ),
    },
}
