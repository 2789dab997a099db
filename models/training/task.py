"""What the trainer runs: a stage with its data, its length and what decides its result."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import lightning.pytorch as lightning
import numpy as np
import torch


class Batches(Protocol):
    """Where training batches come from: any number of them, each decided by its random generator alone."""

    def batch(self, random: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
        """One batch of `size` random items."""


@dataclass(frozen=True)
class Task:
    """One training stage, ready to run.

    module         the LightningModule: losses and optimisers; called with a batch it returns the loss, which it logs as
                   `loss`
    network        the name of its attribute whose weights are the stage's result
    data           where the batches come from
    batch_size     items in a batch, per process and accumulated part
    steps          how long it trains; `accumulate` batches are one step, however many optimisers step in them
    ema_decay      of the running average of the weights, from a copy of the first ones
    ema_warmup     lets the average forget faster at the start: decay min(ema_decay, (1 + n) / (10 + n)) after n updates
    ema_every      steps between two updates of the average
    averaged       names of the module's parts that are averaged (`network`, `network.unet`), all of it if there are none;
                   the rest has the weights of the last step
    precision      Lightning's name: `32-true`, `bf16-mixed`, `16-mixed`
    gradient_clip  largest norm of the gradient, or None
    accumulate     batches whose gradients are added up for one optimiser step
    settings       what decides the result besides the above (preset, options): JSON values. `steps` belongs here too where
                   the learning rate depends on it; where not, a run with more steps goes on from one with fewer
    files          the files that it learns from
    validation     batches of clips that are held out, for a `StageTraining` (models/training/validation.py), or None
    held_out       their names
    validate_every steps between two validations
    patience       validations without a smaller loss after which the run ends, with the weights of the smallest; or None
    """

    module: lightning.LightningModule
    network: str
    data: Batches
    batch_size: int
    steps: int
    ema_decay: float = 0.9999
    ema_warmup: bool = False
    ema_every: int = 1
    averaged: tuple[str, ...] = ()
    precision: str = "32-true"
    gradient_clip: float | None = None
    accumulate: int = 1
    settings: Mapping = field(default_factory=dict)
    files: Iterable[Path] = ()
    validation: Batches | None = None
    held_out: tuple[str, ...] = ()
    validate_every: int = 1000
    patience: int | None = None


@dataclass(frozen=True)
class Steps:
    """Counts a run's steps by its batches. Lightning's `global_step` adds up the steps of every optimiser instead."""

    total: int
    accumulate: int = 1

    def batches(self, trainer: lightning.Trainer) -> int:
        """Batches that have begun, the present one included."""
        return trainer.fit_loop.epoch_loop.total_batch_idx + 1

    def done(self, trainer: lightning.Trainer) -> int:
        """Whole steps, the present batch included."""
        return self.batches(trainer) // self.accumulate

    def between(self, trainer: lightning.Trainer) -> bool:
        """Whether the present batch is the last of its step."""
        return self.batches(trainer) % self.accumulate == 0

    def finished(self, trainer: lightning.Trainer) -> bool:
        return self.done(trainer) >= self.total
