"""How DiffTalk's stages are trained at each size (DiffTalk specification, section 8.1)."""

from dataclasses import dataclass

from models.training import AdversarialRecipe, Recipe


@dataclass(frozen=True)
class FirstStageRecipe(AdversarialRecipe):
    """Of its training nothing is published but the weights; the terms are those of Esser et al. (2021).

    adversarial_weight  of the discriminator's term, beside `adaptive_weight`
    revived_every       steps after which codes that were not used begin anew, in the first half of the training
    """

    adversarial_weight: float = 0.8
    revived_every: int = 10


RECIPES = {
    "first_stage": {
        "published": FirstStageRecipe(
            steps=500_000,
            batch_size=8,
            learning_rate=3.6e-5,
            betas=(0.5, 0.9),
            adversarial_from=50_000,
            validation=0.05,
        ),
        "small": FirstStageRecipe(
            steps=20_000,
            batch_size=16,
            learning_rate=2e-4,
            warmup=500,
            decay=0.4,
            betas=(0.5, 0.9),
            precision="bf16-mixed",
            adversarial_from=10_000,
            ema_decay=0.999,
            ema_warmup=True,
            validation=0.05,
        ),
        # Too short for a discriminator to say anything.
        "debug": FirstStageRecipe(
            steps=340,
            batch_size=4,
            learning_rate=4e-3,
            warmup=20,
            decay=0.5,
            betas=(0.9, 0.95),
            adversarial_from=10**9,
            ema_decay=0.99,
            ema_warmup=True,
        ),
    },
    "unet": {
        # The authors trained on 8 GPUs with 8 items on each, and name no number of steps.
        "published": Recipe(
            steps=500_000,
            batch_size=8,
            learning_rate=6.4e-5,
            weight_decay=0.01,
            gradient_clip=0.1,
            ema_warmup=True,
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
            steps=240,
            batch_size=12,
            learning_rate=2e-3,
            warmup=20,
            decay=0.4,
            gradient_clip=1.0,
            ema_decay=0.99,
            ema_warmup=True,
        ),
    },
}
