"""The one trainer: every stage of every system is a `Task`, and `fit` trains it on Lightning.

What it adds to Lightning is that a run is a function of its seed. Batch number n of process r is drawn with a generator
seeded by (seed, r, n), and the noise and dropout of its training step by the same numbers. So a run that was killed and
is started again goes on with the batches that it would have seen, and ends with the weights of an undisturbed run.
"""

import hashlib
import logging
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint, TQDMProgressBar, WeightAveraging
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch.optim.swa_utils import get_ema_multi_avg_fn, update_bn
from torch.utils.data import DataLoader, Dataset

from toolkit.files import read_json, whole, write_json
from toolkit.log import PROGRESS, logger


class Batches(Protocol):
    """Where training batches come from: any number of them, each decided by its random generator alone."""

    def batch(self, random: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
        """Draw one batch of `size` items."""


@dataclass(frozen=True)
class Task:
    """One training stage, ready to run.

    module         the LightningModule: losses and optimisers; called with a batch it returns the loss, which it logs as `loss`
    network        the name of its attribute whose averaged weights are the stage's result
    data           draws the batches
    batch_size     items in a batch, per process and accumulated part
    steps          optimiser steps
    ema_decay      of the running average of all weights, from a copy of the first ones
    ema_warmup     lets the average forget faster at the start: decay min(ema_decay, (1 + n) / (10 + n)) after n steps
    precision      Lightning's name: `32-true`, `bf16-mixed`, `16-mixed`
    gradient_clip  largest norm of the gradient, or None
    accumulate     batches whose gradients are added up for one optimiser step
    settings       what decides the course besides the above (preset, options): JSON values. `steps` belongs here too where
                   the learning rate depends on it; where not, a run with more steps goes on from one with fewer
    files          the files that it learns from
    """

    module: lightning.LightningModule
    network: str
    data: Batches
    batch_size: int
    steps: int
    ema_decay: float = 0.9999
    ema_warmup: bool = False
    precision: str = "32-true"
    gradient_clip: float | None = None
    accumulate: int = 1
    settings: Mapping = field(default_factory=dict)
    files: Iterable[Path] = ()


def fit(
    task: Task,
    folder: str | Path,
    *,
    seed: int,
    devices: int = 1,
    accelerator: str = "auto",
    strategy: str = "auto",
    workers: int = 0,
    pause: float = 20.0,
) -> dict[str, torch.Tensor]:
    """Train a task and return the averaged weights of its network (CPU tensors, names without a prefix).

    `folder` keeps `last.ckpt` (written every `pause` seconds or more, and at the end), CSV and TensorBoard logs. Run
    again with the same settings and data, the training goes on from `last.ckpt`; with others it starts afresh.
    `workers` processes prepare batches; `devices`, `accelerator` and `strategy` are Lightning's.
    """
    folder = Path(folder)
    last = folder / "last.ckpt"
    _begin(folder, _fingerprint(task, seed, devices), task.steps)
    bar = [TQDMProgressBar(refresh_rate=10)] if sys.stderr.isatty() else []
    lightning_log = logging.getLogger("lightning.pytorch")
    level = lightning_log.level
    lightning_log.setLevel(logging.WARNING)  # its start-up notes say nothing about the run
    try:
        trainer = lightning.Trainer(
            max_steps=task.steps,
            max_epochs=-1,
            devices=devices,
            accelerator=accelerator,
            strategy=strategy,
            precision=task.precision,
            gradient_clip_val=task.gradient_clip,
            accumulate_grad_batches=task.accumulate,
            callbacks=[
                _Repeatable(seed),
                _Average(task.ema_decay, task.ema_warmup),
                _KeepLast(last, pause),
                _Lines(),
                *bar,
            ],
            plugins=[_WholeFiles()],
            logger=[CSVLogger(folder, name="csv"), TensorBoardLogger(folder, name="tensorboard")],
            log_every_n_steps=10,
            enable_progress_bar=bool(bar),
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        data = _Draws(task.data, task.batch_size, seed, workers)
        trainer.fit(task.module, datamodule=data, ckpt_path=last if last.exists() else None, weights_only=True)
    finally:
        lightning_log.setLevel(level)
    # Read back from the file, which holds the average whether training ended now or in an earlier run.
    task.module.load_state_dict(_read(last)["state_dict"])
    _remeasure(task, seed, trainer.strategy.root_device)
    return getattr(task.module, task.network).state_dict()


def _remeasure(task: Task, seed: int, device: torch.device, batches: int = 50) -> None:
    """Measure batch normalisations anew: averaged weights do not have the averaged statistics (Izmailov et al. 2018)."""
    torch.manual_seed(seed)
    module = task.module.to(device)
    drawn = (task.data.batch(np.random.default_rng((seed, n)), task.batch_size) for n in range(batches))
    update_bn(({name: value.to(device) for name, value in batch.items()} for batch in drawn), module)
    module.cpu().eval()


def _begin(folder: Path, fingerprint: dict, steps: int) -> None:
    """Leave in `folder` only what a run with this fingerprint and so many steps may go on from."""
    note, last = folder / "run.json", folder / "last.ckpt"
    same = note.exists() and read_json(note) == fingerprint
    if not same or (last.exists() and _read(last)["global_step"] > steps):
        last.unlink(missing_ok=True)
        for logs in ("csv", "tensorboard"):
            shutil.rmtree(folder / logs, ignore_errors=True)
        write_json(note, fingerprint)
    for partial in folder.glob(".last.*.ckpt"):  # of a run that was killed while it wrote
        partial.unlink()


def _read(path: Path) -> dict:
    """A checkpoint of the trainer's own, its tensors memory-mapped."""
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _fingerprint(task: Task, seed: int, devices: int) -> dict:
    """Everything that decides a run's course, as JSON; how far it goes is left out, so that it can be prolonged."""
    names = ("batch_size", "ema_decay", "ema_warmup", "precision", "gradient_clip", "accumulate")
    return {
        "settings": dict(task.settings),
        **{name: getattr(task, name) for name in names},
        "seed": seed,
        "devices": devices,
        "files": {str(path): _digest(Path(path)) for path in task.files},
    }


def _digest(path: Path, edge: int = 1 << 20) -> str:
    """Hash of a file's size and of its first and last megabyte: enough to see a change in files of many gigabytes."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(edge))
        file.seek(max(size - edge, 0))
        digest.update(file.read(edge))
    return digest.hexdigest()


class _Draws(lightning.LightningDataModule):
    """Batches by number, from the first that the training has not seen."""

    def __init__(self, data: Batches, batch_size: int, seed: int, workers: int) -> None:
        super().__init__()
        self.data, self.batch_size, self.seed, self.workers = data, batch_size, seed, workers

    def train_dataloader(self) -> DataLoader:
        first = self.trainer.fit_loop.epoch_loop.total_batch_idx + 1
        draws = _Numbered(self.data, self.batch_size, (self.seed, self.trainer.global_rank))
        return DataLoader(
            draws,
            batch_size=None,
            sampler=count(first),
            num_workers=self.workers,
            pin_memory=self.trainer.strategy.root_device.type == "cuda",
        )


class _Numbered(Dataset):
    """Batch number n, drawn with a generator of its own."""

    def __init__(self, data: Batches, batch_size: int, seed: tuple[int, int]) -> None:
        self.data, self.batch_size, self.seed = data, batch_size, seed

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        return self.data.batch(np.random.default_rng((*self.seed, number)), self.batch_size)


class _Repeatable(Callback):
    """Seeds the noise and dropout of every step by (seed, process, batch number)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: lightning.Trainer, *_) -> None:
        number = trainer.fit_loop.epoch_loop.total_batch_idx
        state = np.random.SeedSequence((self.seed, trainer.global_rank, number), spawn_key=(1,)).generate_state(1)
        torch.manual_seed(int(state[0]))


class _Average(WeightAveraging):
    """Exponential moving average e = d e + (1 - d) w after every optimiser step, from a copy of the first weights."""

    def __init__(self, decay: float, warmup: bool) -> None:
        def average(averages: list[torch.Tensor], weights: list[torch.Tensor], steps: torch.Tensor) -> None:
            now = min(decay, float((1 + steps) / (10 + steps))) if warmup else decay
            get_ema_multi_avg_fn(now)(averages, weights, steps)

        super().__init__(multi_avg_fn=average)

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        self._device = trainer.strategy.root_device  # the module itself is moved there only later
        super().setup(trainer, pl_module, stage)
        # AveragedModel would take the weights after the first step as its start; it has a copy of the ones before it.
        self._average_model.n_averaged += 1


class _KeepLast(Checkpoint):
    """Writes `last.ckpt` between optimiser steps, as often as costs a hundredth of the time, and after the last step."""

    def __init__(self, path: Path, pause: float) -> None:
        self.path, self.pause, self.saved = path, pause, time.monotonic()

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if trainer.global_step and trainer.is_global_zero:
            logger.info("goes on from step %d of %d", trainer.global_step, trainer.max_steps)

    def on_train_batch_end(self, trainer: lightning.Trainer, module, outputs, batch, batch_idx: int) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        begin = time.monotonic()
        due = trainer.global_step >= trainer.max_steps or begin - self.saved >= self.pause
        if trainer.strategy.broadcast(due):  # one process's clock decides for all
            trainer.save_checkpoint(self.path)
            self.saved = time.monotonic()
            self.pause = max(self.pause, 100 * (self.saved - begin))


class _WholeFiles(TorchCheckpointIO):
    """Checkpoints that appear whole or not at all."""

    def save_checkpoint(self, checkpoint: dict, path: str | Path, storage_options: object = None) -> None:
        with whole(path) as partial:
            torch.save(checkpoint, partial)


class _Lines(Callback):
    """Progress as a line of the job's log, twice a minute."""

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self.start = self.shown = time.monotonic()
        self.first = trainer.global_step

    def on_train_batch_end(self, trainer: lightning.Trainer, module, outputs, batch, batch_idx: int) -> None:
        now, step = time.monotonic(), trainer.global_step
        ended = step >= trainer.max_steps
        if (now - self.shown < 30 and not ended) or step == self.first or not trainer.is_global_zero:
            return
        pace = (now - self.start) / (step - self.first)
        left = pace * (trainer.max_steps - step) / 60
        loss = float(trainer.callback_metrics["loss"])
        words = "step %d of %d: loss %.5f, %.3g s a step, %.1f min left"
        logger.log(PROGRESS, words, step, trainer.max_steps, loss, pace, left)
        self.shown = now
