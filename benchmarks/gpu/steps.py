"""Part e: training steps a second and memory of every stage at published size, through the stage's own task and Lightning.

One batch, with real pictures, is repeated: what is timed is the step on the device (loss, backward, clipping, optimiser, in
the recipe's precision), without the loader, which runs in other processes, and without the running average. In adversarial
stages both sides learn, as they do in most of their steps.
"""

import logging
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import lightning.pytorch as lightning
import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks.gpu.clock import synchronise
from benchmarks.gpu.prepared import Prepared, published_clip
from benchmarks.gpu.systems import PUBLISHED, SYSTEMS, TINY, Shapes
from benchmarks.gpu.table import Table
from models.checkpoints import write_weights
from models.perception.lpips import LPIPS
from models.registry import get_system
from models.training import AdversarialTraining, Task
from models.training.fit import optimisation

FRAMES = 325  # what an item of DiffDub's second stage needs: 250 and, behind them, 75
WARM_UP = 2
LARGEST = 1024  # where the search ends on any card
HELPERS = {"lpips_vgg": lambda: LPIPS("vgg")}


class Clock(lightning.Callback):
    """When each step ended, the device waited for."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        synchronise(trainer.strategy.root_device)
        self.ends.append(time.perf_counter())


def training(table: Table, prepared: Prepared, device: torch.device, tiny: bool) -> None:
    """Every stage of every system: the published batch, then larger ones, doubled until memory or its share of time is over."""
    preset = "debug" if tiny else "published"
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    stages = [(system, stage) for system in SYSTEMS for stage in get_system(system).stages]
    for number, (system, stage) in enumerate(stages):
        with TemporaryDirectory() as folder, table.share(len(stages) - number):
            clips = _clips(prepared, Path(folder), stage, (TINY if tiny else PUBLISHED)[system])
            weights = random_helpers(table, system, stage, preset, Path(folder))
            task = get_system(system).part("training").task(stage, preset, {}, clips, weights)
            _stage(table, [system, stage], task, device, tiny)


def _clips(prepared: Prepared, folder: Path, stage: str, shapes: Shapes) -> list:
    real = prepared.clips("speakers")[0]
    frames = FRAMES if stage == "sequence" else len(real.points)
    return [published_clip(real, folder, "clip", frames, shapes)]


def random_helpers(table: Table, system: str, stage: str, preset: str, folder: Path) -> dict[str, Path]:
    """Files of the networks that a stage takes besides its own, with random weights, as a note says: theirs are not carried."""
    weights = {name: folder / f"{name}.safetensors" for name in get_system(system).networks(stage, preset)}
    for name, path in weights.items():
        write_weights(path, HELPERS[name]().state_dict(), {})
        table.note(f"e: {system} {stage}: {name} with random weights")
    return weights


def _stage(table: Table, subject: list[str], task: Task, device: torch.device, tiny: bool) -> None:
    """The published batch, halved while it does not fit, else doubled as long as it fits; the last is the largest."""
    batch, largest = (2, 4) if tiny else (task.batch_size, LARGEST)
    fits = _fits(table, subject, task, batch, device)
    factor = 2 if fits else 0.5
    while fits is not None and 1 <= batch * factor <= largest:
        batch = int(batch * factor)
        before, fits = fits, _fits(table, subject, task, batch, device)
        if fits is not before:
            return


def _fits(table: Table, subject: list[str], task: Task, batch: int, device: torch.device) -> bool | None:
    """Whether the step fits at this batch, None where there is no time; rows where it does, a note where not."""
    settings = f"batch {batch}, {task.precision}" + " (as published)" * (batch == task.batch_size)
    if not table.has_time(8 if device.type == "cuda" else 1):
        table.note(f"e: {' '.join(subject)} {settings}: no time left")
        return None
    try:
        seconds, used = step(task, batch, device)
    except torch.cuda.OutOfMemoryError:
        table.note(f"e: {' '.join(subject)} {settings}: out of memory")
        return False
    table.add("e", *subject, settings, 1 / seconds, "training steps a second")
    table.add("e", *subject, settings, used, "GB at most")
    return True


def step(task: Task, batch: int, device: torch.device, steps: int = 3) -> tuple[float, float]:
    """Seconds of a training step at a batch, and GB at most."""
    clock, gpu = Clock(), device.type == "cuda"
    if isinstance(task.module, AdversarialTraining):
        task.module.recipe = replace(task.module.recipe, adversarial_from=0)
    if gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    trainer = lightning.Trainer(
        accelerator="gpu" if gpu else "cpu",
        devices=1,
        max_epochs=1,  # Lightning counts the steps of each optimiser
        precision=task.precision,
        **optimisation(task),
        callbacks=[clock],
        barebones=True,
    )
    same = {name: value.to(device) for name, value in task.data.batch(np.random.default_rng(0), batch).items()}
    trainer.fit(task.module, DataLoader([same] * (WARM_UP + steps), batch_size=None))
    return (clock.ends[-1] - clock.ends[-1 - steps]) / steps, torch.cuda.max_memory_allocated() / 2**30 if gpu else 0.0
