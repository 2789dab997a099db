"""DiffDub's sizes: `published` (the public checkpoints), `small` (one GPU, hours) and `debug` (a CPU, minutes)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.diffdub.renderer import Renderer
    from models.diffdub.sequence import SequenceGenerator
    from models.diffusion import Schedule


@dataclass(frozen=True)
class RendererPreset:
    """How the renderer is built, trained and sampled.

    size        working size of pictures in pixels
    network     constructor arguments of `Renderer`; what is not named has the published value
    prediction  what the network answers: "noise", "start", "velocity" or "residual_start" (models/diffusion/denoiser.py)
    schedule    "linear" (published) or "cosine" noise schedule over 1000 steps
    spacing     which of them sampling takes: "strided" (published, 62 counts exist) or "trailing" (any count)
    steps       sampling steps
    window      what is painted: "mouth" (published) or "lower_face" (models/diffdub/window.py)
    """

    size: int = 256
    network: Mapping[str, Any] = field(default_factory=dict)
    prediction: str = "noise"
    schedule: str = "linear"
    spacing: str = "strided"
    steps: int = 20
    window: str = "mouth"

    def build(self) -> "Renderer":
        """A renderer with fresh weights."""
        from models.diffdub.renderer import Renderer

        return Renderer(**self.network)

    def training_schedule(self) -> "Schedule":
        """All 1000 steps."""
        from models.diffusion import cosine_schedule, linear_schedule

        return {"linear": linear_schedule, "cosine": cosine_schedule}[self.schedule]()

    def sampling_schedule(self, steps: int | None = None) -> "Schedule":
        """The steps of sampling, `steps` or the preset's number; InputError for an impossible number."""
        from models.diffusion import spaced, trailing

        spacing = {"strided": spaced, "trailing": trailing}[self.spacing]
        return spacing(self.training_schedule(), self.steps if steps is None else steps)


@dataclass(frozen=True)
class SequencePreset:
    """How the sequence generator is built: constructor arguments; what is not named has the published value."""

    network: Mapping[str, Any] = field(default_factory=dict)

    def build(self, audio_layers: int, audio_dim: int, latent_dim: int) -> "SequenceGenerator":
        """A sequence generator with fresh weights, for speech features and latents of these sizes."""
        from models.diffdub.sequence import SequenceGenerator

        return SequenceGenerator(audio_layers=audio_layers, audio_dim=audio_dim, latent_dim=latent_dim, **self.network)


PRESETS = {
    "renderer": {
        # 168.5 M parameters, 277 GMAC per network call at 256 x 256.
        "published": RendererPreset(),
        # 29 M. The residual on the reference frame needs a fraction of the training that noise prediction needs.
        "small": RendererPreset(
            size=128,
            network={
                "width": 64,
                "multipliers": (1, 2, 3, 4),
                "attention": (3,),
                "encoder_width": 48,
                "encoder_multipliers": (1, 2, 3, 4, 6),
                "encoder_attention": (3,),
                "encoder_blocks": 1,
                "latent": 256,
                "embedding": 256,
                "groups": 16,
                "normalised": True,
            },
            prediction="residual_start",
            schedule="cosine",
            spacing="trailing",
            steps=8,
            window="lower_face",
        ),
        # 1.6 M on 4 x 4 blocks of pixels.
        "debug": RendererPreset(
            size=64,
            network={
                "width": 32,
                "multipliers": (1, 2, 2),
                "attention": (),
                "blocks": 1,
                "encoder_width": 16,
                "encoder_multipliers": (1, 2, 3, 4),
                "encoder_attention": (),
                "encoder_blocks": 1,
                "latent": 32,
                "embedding": 128,
                "groups": 8,
                "normalised": True,
                "dropout": 0.0,
                "patch": 4,
            },
            prediction="residual_start",
            schedule="cosine",
            spacing="trailing",
            steps=4,
            window="lower_face",
        ),
    },
    "sequence": {
        # 35.1 M parameters with HuBERT-large's 25 layers of 1024.
        "published": SequencePreset(),
        "small": SequencePreset({"width": 256, "ffn": 512, "cross_heads": 4, "blocks": (1, 2, 2), "dropout": 0.1}),
        # Short kernels: a minute of speech is too little to learn longer context. No dropout: with one reference frame
        # few differences are left to attend to (`held_share` in models/diffdub/data.py).
        "debug": SequencePreset(
            {"width": 48, "ffn": 96, "cross_heads": 4, "kernel": 5, "blocks": (1, 1, 1), "dropout": 0.0}
        ),
    },
}
