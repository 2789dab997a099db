"""How MoDiTalker's stages are trained at each size (MoDiTalker specification, sections 5, 8, 10 and 14)."""

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
        batch_size=6,
        learning_rate=2e-3,
        warmup=20,
        decay=0.4,
        betas=(0.9, 0.95),
        gradient_clip=1.0,
        ema_decay=0.99,
        ema_warmup=True,
    ),
}

RECIPES = {"atom": ATOM, "mtov": MTOV}
