"""How MoDiTalker's stages are trained at each size (MoDiTalker specification, sections 5 and 14)."""

from dataclasses import dataclass

from models.training import Recipe


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

RECIPES = {"atom": ATOM}
