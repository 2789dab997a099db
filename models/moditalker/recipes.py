"""How MoDiTalker's stages are trained at each size (MoDiTalker specification, sections 10 and 14)."""

from models.training import Recipe

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

RECIPES = {"mtov": MTOV}
