"""How Diffused Heads is trained at each size (Diffused Heads specification, section 6)."""

from dataclasses import dataclass

import models.training.recipe


@dataclass(frozen=True)
class Recipe(models.training.recipe.Recipe):
    """The published run of 3000 epochs over CREMA is about 250,000 steps of 8 x 10 clips.

    identity         which frame shows the person: "random" or the "first"
    lips             whose lips the lip loss looks at: the "target"'s, or as published the "identity"'s
    lip_weight       of the lip loss
    motion_blurred   whether the motion frames are blurred
    motion_noise     standard deviation of noise on them: a made frame is never as clean as a real one
    motion_dropped   share of the samples that see the identity frame instead, so that speech is listened to
    """

    identity: str = "random"
    lips: str = "target"
    lip_weight: float = 0.2
    motion_blurred: bool = False
    motion_noise: float = 0.0
    motion_dropped: float = 0.0


RECIPES = {
    "unet": {
        "published": Recipe(
            steps=250_000, batch_size=10, learning_rate=5e-5, lr_drops=18, ema_decay=0.0, validation=0.05
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
            motion_noise=0.1,
            motion_dropped=0.3,
        ),
        "debug": Recipe(
            steps=250,
            batch_size=16,
            learning_rate=2e-3,
            decay=0.4,
            gradient_clip=1.0,
            ema_decay=0.999,
            ema_warmup=True,
            motion_noise=0.1,
            motion_dropped=0.5,
        ),
    },
}
