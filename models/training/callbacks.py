"""What happens around a run's steps: seeds, the running average, the checkpoint, the end, and lines of progress."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint, WeightAveraging
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch.optim.swa_utils import get_ema_multi_avg_fn

from models.training.task import Steps
from toolkit.files import atomic_path
from toolkit.log import PROGRESS, logger


class SeededBatches(Callback):
    """Seeds the noise and dropout of every batch by (seed, process, batch number)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: lightning.Trainer, *_) -> None:
        number = trainer.fit_loop.epoch_loop.total_batch_idx
        state = np.random.SeedSequence((self.seed, trainer.global_rank, number), spawn_key=(1,)).generate_state(1)
        torch.manual_seed(int(state[0]))


class Average(WeightAveraging):
    """Exponential moving average e = d e + (1 - d) w after every step that `counts`, from a copy of the first weights.

    `parts` are the names of the module's parts that are averaged, all where there are none. Parts that are not share
    their memory with the module: they are neither copied nor saved twice.
    """

    def __init__(
        self, decay: float, warmup: bool, steps: Steps, parts: tuple[str, ...], counts: Callable[[int], bool]
    ) -> None:
        def average(averages: list[torch.Tensor], weights: list[torch.Tensor], updates: torch.Tensor) -> None:
            now = min(decay, float((1 + updates) / (10 + updates))) if warmup else decay
            pairs = zip(averages, weights, strict=True)
            apart = [(one, other) for one, other in pairs if one.data_ptr() != other.data_ptr()]
            if apart:
                get_ema_multi_avg_fn(now)(*map(list, zip(*apart, strict=True)), updates)

        super().__init__(multi_avg_fn=average)
        self.steps, self.parts, self.counts = steps, parts, counts

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        for part in self.parts:
            pl_module.get_submodule(part)  # a wrong name is an error, not an average of nothing
        self._device = trainer.strategy.root_device  # the module itself is moved there only later
        super().setup(trainer, pl_module, stage)
        # AveragedModel would take the weights after the first step as its start; it has a copy of the ones before it.
        self._average_model.n_averaged += 1

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if not self.parts:
            return
        averaged = self._average_model.module
        for named in ("named_parameters", "named_buffers"):
            pairs = zip(getattr(averaged, named)(), getattr(pl_module, named)(), strict=True)
            for (name, average), (_, current) in pairs:
                if not any(name.startswith(f"{part}.") for part in self.parts):
                    average.data = current.data

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module, outputs, batch, batch_idx: int) -> None:
        if self.steps.between(trainer) and self.counts(self.steps.done(trainer) - 1):
            self._average_model.update_parameters(pl_module)

    @contextmanager
    def applied(self, module: lightning.LightningModule) -> Iterator[None]:
        """The module with the averaged weights, and afterwards with its own."""
        self._swap_models(module)
        try:
            yield
        finally:
            self._swap_models(module)


class KeepLast(Checkpoint):
    """Writes `last.ckpt` between steps, as often as costs a hundredth of the time, and after the last step."""

    def __init__(self, path: Path, pause: float, steps: Steps) -> None:
        self.path, self.pause, self.steps, self.saved = path, pause, steps, time.monotonic()

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if (done := self.steps.done(trainer)) and trainer.is_global_zero:
            logger.info("goes on from step %d of %d", done, self.steps.total)

    def on_train_batch_end(self, trainer: lightning.Trainer, module, outputs, batch, batch_idx: int) -> None:
        if not self.steps.between(trainer):
            return
        begin = time.monotonic()
        # Lightning runs the callbacks that write checkpoints last, so `should_stop` is what `StopAtEnd` says of this step.
        due = trainer.should_stop or begin - self.saved >= self.pause
        if trainer.strategy.broadcast(due):  # one process's clock decides for all
            trainer.save_checkpoint(self.path)
            self.saved = time.monotonic()
            self.pause = max(self.pause, 100 * (self.saved - begin))

    def on_save_checkpoint(self, trainer: lightning.Trainer, module, checkpoint: dict) -> None:
        checkpoint["steps"] = self.steps.done(trainer)


class StopAtEnd(Callback):
    """Ends the run after its steps, or after the step in which its seconds are over; a run that goes on from its own end
    stops before it begins."""

    def __init__(self, steps: Steps, seconds: float | None = None) -> None:
        self.steps, self.end = steps, math.inf if seconds is None else time.monotonic() + seconds

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        trainer.should_stop = self.steps.finished(trainer)

    def on_train_batch_end(self, trainer: lightning.Trainer, module, outputs, batch, batch_idx: int) -> None:
        late = time.monotonic() >= self.end and self.steps.between(trainer)
        trainer.should_stop = self.steps.finished(trainer) or late


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoints that appear whole or not at all."""

    def save_checkpoint(self, checkpoint: dict, path: str | Path, storage_options: object = None) -> None:
        with atomic_path(path) as partial:
            torch.save(checkpoint, partial)


class ProgressLines(Callback):
    """Progress as a line of the job's log, twice a minute. `remark` says what is known besides the training's own loss."""

    def __init__(self, steps: Steps, remark: Callable[[], str] = str) -> None:
        self.steps, self.remark, self.loss = steps, remark, float("nan")

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self.start = self.shown = time.monotonic()
        self.first = self.steps.done(trainer)

    def on_train_batch_end(self, trainer: lightning.Trainer, module, outputs, batch, batch_idx: int) -> None:
        now, step, total = time.monotonic(), self.steps.done(trainer), self.steps.total
        ended = self.steps.finished(trainer)
        if (now - self.shown < 30 and not ended) or step == self.first or not trainer.is_global_zero:
            return
        pace = (now - self.start) / (step - self.first)
        left = pace * (total - step) / 60
        self.loss = float(trainer.callback_metrics.get("loss", self.loss))  # a discriminator's turn has none
        words = "step %d of %d: loss %.5f%s, %.3g s a step, %.1f min left"
        logger.log(PROGRESS, words, step, total, self.loss, self.remark(), pace, left)
        self.shown = now
