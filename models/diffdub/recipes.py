"""How DiffDub's stages are trained at each size (DiffDub specification, sections 6.1 and 6.2)."""

from dataclasses import dataclass

import models.training.recipe


@dataclass(frozen=True)
class Recipe(models.training.recipe.Recipe):
    """The steps of `published` are our choice, the authors name none.

    augmented      the encoder's pictures are disturbed (stage 1)
    length, references, held_share   frames of an item, and of its references (stage 2, models/diffdub/data.py)
    """

    augmented: bool = True
    length: int = 250
    references: int = 75
    held_share: float = 0.0


RECIPES = {
    "renderer": {
        "published": Recipe(steps=500_000, batch_size=32, gradient_clip=1.0, precision="16-mixed", validation=0.05),
        "small": Recipe(
            steps=30_000,
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
            steps=800,
            batch_size=8,
            learning_rate=2e-3,
            decay=0.4,
            gradient_clip=1.0,
            ema_decay=0.999,
            ema_warmup=True,
            augmented=False,
        ),
    },
    "sequence": {
        "published": Recipe(steps=100_000, batch_size=16, validation=0.05),
        "small": Recipe(
            steps=10_000,
            batch_size=16,
            learning_rate=3e-4,
            warmup=500,
            decay=0.4,
            gradient_clip=1.0,
            ema_decay=0.999,
            ema_warmup=True,
            validation=0.05,
            held_share=0.5,
        ),
        "debug": Recipe(
            steps=300,
            batch_size=8,
            learning_rate=1e-3,
            warmup=50,
            decay=0.4,
            weight_decay=1.0,
            gradient_clip=1.0,
            ema_decay=0.99,
            ema_warmup=True,
            held_share=0.5,
        ),
    },
}
