"""How a training stage is run: what every recipe says, and the parts of a stage that follow from it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Self

import torch
from torch.nn import Parameter
from torch.optim import AdamW, Optimizer


@dataclass(frozen=True)
class Recipe:
    """What a training stage needs besides its network.

    steps          steps of training; `accumulate` batches are one step
    warmup         steps over which the learning rate rises to `learning_rate`
    decay          share of the steps, at the end, over which it falls to zero
    lr_drops       how often it falls to four fifths: every steps // lr_drops steps
    betas          of AdamW
    weight_decay   of AdamW, which at zero is Adam
    ema_warmup     the running average forgets faster at the start (models/training/task.py)
    validation     share of the clips that is held out to validate on (models/training/validation.py)
    validate_every steps between two validations
    patience       validations without a smaller loss after which the stage ends, with the weights of the smallest; None
                   takes all steps and the last weights
    """

    steps: int
    batch_size: int
    learning_rate: float = 1e-4
    warmup: int = 0
    decay: float = 0.0
    lr_drops: int = 0
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    gradient_clip: float | None = None
    accumulate: int = 1
    precision: str = "32-true"
    ema_decay: float = 0.9999
    ema_warmup: bool = False
    validation: float = 0.0
    validate_every: int = 1000
    patience: int | None = None

    def overridden(self, options: Mapping) -> Self:
        """With the user's steps, batch_size, learning_rate, precision, validation and validate_every, where given."""
        names = ("steps", "batch_size", "learning_rate", "precision", "validation", "validate_every")
        return replace(self, **{name: options[name] for name in names if options.get(name) is not None})

    def lr_factor(self, step: int) -> float:
        """Share of the learning rate at a step."""
        rising = (step + 1) / self.warmup if self.warmup else 1.0
        falling = (self.steps - step) / (self.decay * self.steps) if self.decay else 1.0
        dropped = 0.8 ** (step // max(self.steps // self.lr_drops, 1)) if self.lr_drops else 1.0
        return min(rising, dropped, falling)

    def fingerprint(self) -> dict:
        """What decides a run's result: everything, but where the learning rate stays the same, for how long."""
        settings = asdict(self)
        if not self.decay and not self.lr_drops:
            del settings["steps"]
        return settings

    def optimizer(self, parameters: Iterable[Parameter], learning_rate: float | None = None) -> Optimizer:
        """AdamW over some parameters, at the recipe's learning rate where no other is given."""
        rate = learning_rate or self.learning_rate
        # A fused one takes back the loss scale of 16-mixed by itself, and Lightning could not clip.
        fused = self.precision != "16-mixed"
        return AdamW(parameters, lr=rate, betas=self.betas, weight_decay=self.weight_decay, fused=fused)

    def scheduled(self, optimizer: Optimizer) -> dict:
        """An optimiser whose learning rate follows `lr_factor`, in Lightning's form."""
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.lr_factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def task_arguments(self) -> dict:
        """What `models.training.Task` takes from a recipe, by its names there."""
        names = ("batch_size", "steps", "ema_decay", "ema_warmup", "precision", "gradient_clip", "accumulate")
        names += ("validate_every", "patience")
        return {name: getattr(self, name) for name in names}
