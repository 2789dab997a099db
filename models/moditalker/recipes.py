"""How MoDiTalker's stages are trained at each size (MoDiTalker specification, sections 5, 8, 10 and 14)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from models.training import AdversarialRecipe, Recipe


@dataclass(frozen=True)
class AtomRecipe(Recipe):
    """A recipe of the motion decoder.

    optimiser  "adan" (published; `betas` are its own) or "adamw"
    dropped    share of the items that learn without speech and face
    """

    optimiser: str = "adamw"
    dropped: float = 0.25


ATOM = {
    # The authors name 100 000 passes over their data and no number of steps.
    "published": AtomRecipe(
        steps=500_000,
        batch_size=64,
        learning_rate=4e-4,
        weight_decay=0.02,
        optimiser="adan",
        validation=0.05,
    ),
    "small": AtomRecipe(
        steps=30_000,
        batch_size=64,
        learning_rate=4e-4,
        warmup=500,
        decay=0.4,
        betas=(0.9, 0.99),
        gradient_clip=1.0,
        dropped=0.1,
        ema_decay=0.999,
        ema_warmup=True,
        validation=0.05,
    ),
    "debug": AtomRecipe(
        steps=180,
        batch_size=8,
        learning_rate=3e-3,
        weight_decay=0.1,
        warmup=20,
        decay=0.5,
        betas=(0.9, 0.95),
        gradient_clip=1.0,
        dropped=0.1,
        ema_decay=0.99,
        ema_warmup=True,
    ),
}

# The auto-encoders.

NEVER = 10**9  # a step at which no discriminator has a say


@dataclass(frozen=True)
class AutoencoderRecipe(AdversarialRecipe):
    """Weights of the terms of the loss, beside the preset's `perceptual`.

    pixel_weight        of the difference in pixels
    pixel_power         1 for its absolute value (published), 2 for its square, which learns sooner what moves
    adversarial_weight  of both discriminators' terms
    matching_weight     of the difference of their features
    """

    pixel_weight: float = 4.0
    pixel_power: int = 1
    adversarial_weight: float = 1.0
    matching_weight: float = 4.0

    @property
    def weights(self) -> Mapping[str, float]:
        """By the names of the loss's parts."""
        return {
            "pixels": self.pixel_weight,
            "adversarial": self.adversarial_weight,
            "matching": self.matching_weight,
        }


# The authors' scripts take 1 clip at a time, their page speaks of 8, and of 8 000 to 14 000 batches against the
# discriminators. How long the rest takes they do not say, and no average of weights.
_PUBLISHED = AutoencoderRecipe(
    steps=200_000,
    batch_size=1,
    betas=(0.5, 0.9),
    weight_decay=0.01,
    accumulate=3,
    precision="16-mixed",
    turn=1,
    discriminator_clip=1.0,
    adversarial_from=NEVER,
    ema_decay=0.0,
    validation=0.05,
    patience=10,
)
_SMALL = AutoencoderRecipe(
    steps=30_000,
    batch_size=8,
    learning_rate=3e-4,
    warmup=500,
    decay=0.4,
    betas=(0.9, 0.95),
    gradient_clip=1.0,
    precision="bf16-mixed",
    turn=1,
    discriminator_clip=1.0,
    adversarial_from=NEVER,
    ema_decay=0.999,
    ema_warmup=True,
    validation=0.05,
)
_DEBUG = AutoencoderRecipe(
    steps=400,
    batch_size=1,
    learning_rate=3e-3,
    warmup=20,
    decay=0.5,
    betas=(0.9, 0.95),
    gradient_clip=1.0,
    turn=1,
    discriminator_clip=1.0,
    adversarial_from=NEVER,
    pixel_power=2,
    ema_decay=0.99,
    ema_warmup=True,
)

RGB_AUTOENCODER = {"published": _PUBLISHED, "small": _SMALL, "debug": _DEBUG}

RGB_AUTOENCODER_GAN = {
    "published": replace(_PUBLISHED, steps=14_000 // 3, adversarial_from=0, validate_every=200, patience=5),
    "small": replace(
        _SMALL,
        steps=6_000,
        learning_rate=1e-4,
        decay=0.0,
        betas=(0.5, 0.9),
        adversarial_from=0,
        validate_every=200,
        patience=5,
    ),
    # Too short for discriminators to say much.
    "debug": replace(_DEBUG, steps=6, learning_rate=1e-4, warmup=0, decay=0.0, betas=(0.5, 0.9), adversarial_from=0),
}

MOTION_AUTOENCODER = {
    "published": replace(_PUBLISHED, steps=50_000),
    "small": replace(_SMALL, steps=10_000),
    "debug": replace(_DEBUG, steps=150),
}

MTOV = {
    # The authors name no number of steps; who trained it anew took 70 000.
    "published": Recipe(
        steps=70_000,
        batch_size=10,
        learning_rate=1e-4,
        weight_decay=0.01,
        ema_warmup=True,
        ema_every=25,
        validation=0.05,
    ),
    "small": Recipe(
        steps=40_000,
        batch_size=32,
        learning_rate=3e-4,
        warmup=500,
        decay=0.4,
        gradient_clip=1.0,
        precision="bf16-mixed",
        ema_decay=0.999,
        ema_warmup=True,
        validation=0.05,
    ),
    "debug": Recipe(
        steps=160,
        batch_size=8,
        learning_rate=2e-3,
        warmup=20,
        decay=0.4,
        betas=(0.9, 0.95),
        gradient_clip=1.0,
        ema_decay=0.99,
        ema_warmup=True,
    ),
}

RECIPES = {
    "atom": ATOM,
    "rgb_autoencoder": RGB_AUTOENCODER,
    "rgb_autoencoder_gan": RGB_AUTOENCODER_GAN,
    "motion_autoencoder": MOTION_AUTOENCODER,
    "mtov": MTOV,
}
