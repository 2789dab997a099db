"""How a training stage is run: what every recipe says, and the parts of a stage that follow from it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import lightning.pytorch as lightning
import torch
from torch import Tensor


@dataclass(frozen=True)
class Recipe:
    """What a training stage needs besides its network.

    steps          optimiser steps
    warmup         steps over which the learning rate rises to `learning_rate`
    decay          share of the steps, at the end, over which it falls to zero
    stairs         how often it falls to four fifths: every steps // stairs steps
    weight_decay   of AdamW, which at zero is Adam
    ema_warmup     the running average forgets faster at the start (models/training.py)
    """

    steps: int
    batch_size: int
    learning_rate: float = 1e-4
    warmup: int = 0
    decay: float = 0.0
    stairs: int = 0
    weight_decay: float = 0.0
    gradient_clip: float | None = None
    precision: str = "32-true"
    ema_decay: float = 0.9999
    ema_warmup: bool = False

    def overridden(self, options: Mapping) -> "Recipe":
        """With the user's steps, batch_size, learning_rate and precision where they are given."""
        names = ("steps", "batch_size", "learning_rate", "precision")
        return replace(self, **{name: options[name] for name in names if options.get(name)})

    def rate(self, step: int) -> float:
        """Share of the learning rate at a step."""
        rising = (step + 1) / self.warmup if self.warmup else 1.0
        falling = (self.steps - step) / (self.decay * self.steps) if self.decay else 1.0
        stairs = 0.8 ** (step // max(self.steps // self.stairs, 1)) if self.stairs else 1.0
        return min(rising, stairs, falling)

    def course(self) -> dict:
        """What decides a run's course: everything, but where the learning rate stays the same, for how long."""
        settings = asdict(self)
        if not self.decay and not self.stairs:
            del settings["steps"]
        return settings

    def optimisation(self, module: torch.nn.Module) -> dict:
        """AdamW and the course of the learning rate, in Lightning's form."""
        learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=self.learning_rate, weight_decay=self.weight_decay)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def settings(self) -> dict:
        """What `models.training.Task` takes from a recipe, by its names there."""
        names = ("batch_size", "steps", "ema_decay", "ema_warmup", "precision", "gradient_clip")
        return {name: getattr(self, name) for name in names}


class StageTraining(lightning.LightningModule):
    """A network in training: the module's answer to a batch is its loss, and the recipe says how it falls."""

    def __init__(self, network: torch.nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        loss = self(batch)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> dict:
        return self.recipe.optimisation(self)
