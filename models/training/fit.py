"""Runs a `Task` on Lightning, so that a run is a function of its seed.

Batch number n of process r is made with a generator seeded by (seed, r, n), and the noise and dropout of its training
step by the same numbers. So a run that was killed and is started again goes on with the batches that it would have
seen, and ends with the weights of an undisturbed run.
"""

import hashlib
import json
import logging
import shutil
import sys
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader, Dataset

from models.training.adversarial import AdversarialTraining
from models.training.callbacks import AtomicCheckpoints, Average, KeepLast, ProgressLines, SeededBatches, StopAtEnd
from models.training.task import Batches, Steps, Task
from models.training.validation import Validation
from toolkit.files import read_json, write_json
from toolkit.log import logger


def fit(
    task: Task,
    folder: str | Path,
    *,
    seed: int,
    devices: int = 1,
    accelerator: str = "auto",
    strategy: str = "auto",
    workers: int = 0,
    pause: float = 5.0,
    seconds: float | None = None,
) -> dict[str, torch.Tensor]:
    """Train a task and return the weights of its network (CPU tensors, names without a prefix), averaged where it says so.

    `folder` keeps `last.ckpt` (written every `pause` seconds or more, and at the end), CSV and, where it is installed,
    TensorBoard logs, the `pictures` of a task with validation, and where it has patience `best.ckpt`, then the result. A
    run of one process also ends, whatever its steps, when `seconds` from its beginning are over. Run again with the same
    settings and data, the training goes on from `last.ckpt`; with others it starts afresh.
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
            max_epochs=-1,
            devices=devices,
            accelerator=accelerator,
            precision=task.precision,
            **optimisation(task, devices, strategy),
            callbacks=[*_callbacks(task, last, seed, pause, seconds), *bar],
            plugins=[AtomicCheckpoints()],
            logger=_loggers(folder),
            log_every_n_steps=10,
            enable_progress_bar=bool(bar),
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        if trainer.strategy.root_device.type == "cpu":
            # Convolutions take a fifth less time; not measured on GPUs.
            task.module._apply(_channels_last)
        data = _NumberedData(task.data, task.batch_size, seed, workers)
        trainer.fit(task.module, datamodule=data, ckpt_path=last if last.exists() else None, weights_only=True)
    finally:
        lightning_log.setLevel(level)
    # Read back from the file, which holds the average whether training ended now or in an earlier run.
    task.module.load_state_dict(_read(_result(folder))["state_dict"])
    _remeasure(task, seed, trainer.strategy.root_device)
    weights = getattr(task.module, task.network).state_dict()
    return {name: weight.contiguous() for name, weight in weights.items()}


def _channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """A kernel of pictures with its channels last; anything else, a kernel of videos too, as it is."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def trained_steps(folder: str | Path) -> int:
    """After how many steps a run in `folder` had the weights that `fit` has returned."""
    return _read(_result(Path(folder)))["steps"]


def _result(folder: Path) -> Path:
    """The checkpoint with a run's result. A best one that is ahead of the last is of a run that was killed between both."""
    best, last = folder / "best.ckpt", folder / "last.ckpt"
    return best if best.exists() and _read(best)["steps"] <= _read(last)["steps"] else last


def optimisation(task: Task, devices: int = 1, strategy: str = "auto") -> dict:
    """Who clips, accumulates and waits for gradients, as Lightning's trainer is given it: it, or an adversarial stage itself."""
    if not isinstance(task.module, AdversarialTraining):
        clip, accumulate = task.gradient_clip, task.accumulate
        return {"gradient_clip_val": clip, "accumulate_grad_batches": accumulate, "strategy": strategy}
    if devices > 1 and strategy in ("auto", "ddp"):
        strategy = "ddp_find_unused_parameters_true"  # each backward pass reaches one side's parameters alone
    return {"strategy": strategy}


def _loggers(folder: Path) -> list[Logger]:
    logs = [CSVLogger(folder, name="csv")]
    return [*logs, TensorBoardLogger(folder, name="tensorboard")] if find_spec("tensorboard") else logs


def _callbacks(task: Task, last: Path, seed: int, pause: float, seconds: float | None) -> list[lightning.Callback]:
    steps = Steps(task.steps, task.accumulate)
    adversarial = isinstance(task.module, AdversarialTraining)
    counts = task.module.generator_learns if adversarial else lambda step: True
    average = Average(task.ema_decay, task.ema_warmup, steps, task.averaged, counts)
    callbacks = [SeededBatches(seed), average, KeepLast(last, pause, steps), StopAtEnd(steps, seconds)]
    if task.validation is None:
        if task.patience:
            logger.warning("no clip is held out to validate on: the training takes all of its %d steps", task.steps)
        return [*callbacks, ProgressLines(steps)]
    validation = Validation(task, average, steps, last.parent, seed)
    return [*callbacks, validation, ProgressLines(steps, validation.remark)]


def _remeasure(task: Task, seed: int, device: torch.device, batches: int = 50) -> None:
    """Measure the network's batch norms anew: averaged weights do not have the averaged statistics.

    (Izmailov et al. 2018; torch's `update_bn` would reset those of the module's other networks, too.)
    """
    norms = {
        norm: norm.momentum
        for norm in getattr(task.module, task.network).modules()
        if isinstance(norm, nn.modules.batchnorm._BatchNorm)
    }
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    torch.manual_seed(seed)
    module = task.module.to(device).train()
    with torch.no_grad():
        for number in range(min(batches, task.steps) if norms else 0):
            batch = task.data.batch(np.random.default_rng((seed, number)), task.batch_size)
            module({name: value.to(device) for name, value in batch.items()})
    for norm, momentum in norms.items():
        norm.momentum = momentum
    module.cpu().eval()


def _begin(folder: Path, fingerprint: dict, steps: int) -> None:
    """Leave in `folder` only what a run with this fingerprint and so many steps may go on from."""
    note, last, best = (folder / name for name in ("run.json", "last.ckpt", "best.ckpt"))
    same = note.exists() and read_json(note) == fingerprint
    if not same or (last.exists() and _read(last)["steps"] > steps):
        last.unlink(missing_ok=True)
        best.unlink(missing_ok=True)
        for logs in ("csv", "tensorboard", "pictures"):
            shutil.rmtree(folder / logs, ignore_errors=True)
        write_json(note, fingerprint)
    for partial in folder.glob(".*.ckpt"):  # of a run that was killed while it wrote
        partial.unlink()


def _read(path: Path) -> dict:
    """A checkpoint of the trainer's own, its tensors memory-mapped."""
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _fingerprint(task: Task, seed: int, devices: int) -> dict:
    """Everything that decides a run's result, as JSON; its length is left out, so that it can be prolonged."""
    names = (
        "batch_size",
        "ema_decay",
        "ema_warmup",
        "averaged",
        "precision",
        "gradient_clip",
        "accumulate",
        "patience",
    )
    values = {
        "settings": dict(task.settings),
        **{name: getattr(task, name) for name in names},
        "seed": seed,
        "devices": devices,
        "files": {str(path): _digest(Path(path)) for path in task.files},
    }
    return json.loads(json.dumps(values))  # as it will be read back: tuples are lists there


def _digest(path: Path, edge: int = 1 << 20) -> str:
    """Hash of a file's size and of its first and last megabyte: enough to see a change in files of many gigabytes."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(edge))
        file.seek(max(size - edge, 0))
        digest.update(file.read(edge))
    return digest.hexdigest()


class _NumberedData(lightning.LightningDataModule):
    """Batches by number, from the first that the training has not seen."""

    def __init__(self, data: Batches, batch_size: int, seed: int, workers: int) -> None:
        super().__init__()
        self.data, self.batch_size, self.seed, self.workers = data, batch_size, seed, workers

    def train_dataloader(self) -> DataLoader:
        first = self.trainer.fit_loop.epoch_loop.total_batch_idx + 1
        return DataLoader(
            _NumberedBatches(self.data, self.batch_size, (self.seed, self.trainer.global_rank)),
            batch_size=None,
            sampler=count(first),
            num_workers=self.workers,
            pin_memory=self.trainer.strategy.root_device.type == "cuda",
        )


class _NumberedBatches(Dataset):
    """Batch number n, made with a generator of its number."""

    def __init__(self, data: Batches, batch_size: int, seed: tuple[int, int]) -> None:
        self.data, self.batch_size, self.seed = data, batch_size, seed

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        return self.data.batch(np.random.default_rng((*self.seed, number)), self.batch_size)
