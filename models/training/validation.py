"""Validation during training: how a stage fares on clips that no batch takes, at the same noise every time.

A training loss of diffusion says little: it differs from batch to batch by its noise alone, and falls on clips that are
learnt by heart. So a recipe holds out a share of its training clips. Not test clips: whoever chooses a recipe, or when a
training ends, by what those say, has tuned on the test. And not frames of clips that are trained on, which resemble their
neighbours. With a single clip nothing is held out.

A person may have several clips, so it measures new clips, not new people.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import cv2
import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from models.system import Clip
from models.training.callbacks import Average
from models.training.stage import StageTraining
from models.training.task import Steps, Task
from toolkit.files import atomic_path
from toolkit.log import logger

ITEMS = 32  # on which the loss is computed, at least
ROWS = 4  # of a grid of pictures
GRIDS = 20  # of them in a run, about


def held_out(clips: Sequence[Clip], share: float) -> tuple[list[Clip], list[Clip]]:
    """The clips to learn from, and those held out to validate on: a share of them by the hashes of their names, at least
    one where there are several, none where the share is 0 or there is one clip."""
    count = min(max(round(share * len(clips)), 1), len(clips) - 1) if share else 0
    ranked = sorted((clip.name for clip in clips), key=lambda name: hashlib.sha256(name.encode()).digest())
    held = set(ranked[:count])
    return [clip for clip in clips if clip.name not in held], [clip for clip in clips if clip.name in held]


class Validation(Callback):
    """Before the first step, every `task.validate_every` steps and after the last: a stage's loss and its parts on a few
    batches of `task.validation`, in the logs; and some twenty times a grid of its pictures.

    It is computed with the averaged weights, which are the stage's result, in evaluation mode, from one seed. The training
    goes on as if nothing had been. Averaged batch norms have not been measured anew by then, as those of the result are.
    An adversarial stage's loss moves with its discriminators: where that should not count, its `forward` is another than its
    `generator_loss`.

    With `task.patience` the run ends after so many validations without a smaller loss, and `best.ckpt` in `folder` has
    the weights of the smallest. Only steps decide when: a clock would make the result depend on the machine.
    """

    def __init__(self, task: Task, average: Average, steps: Steps, folder: Path, seed: int) -> None:
        self.task, self.average, self.steps, self.folder, self.seed = task, average, steps, folder, seed
        self.loss, self.best, self.waited = math.nan, math.inf, 0

    def state_dict(self) -> dict:
        return {name: getattr(self, name) for name in ("loss", "best", "waited")}

    def load_state_dict(self, state: dict) -> None:
        vars(self).update(state)

    def remark(self) -> str:
        """The last loss, in words that go on a line of progress."""
        return "" if math.isnan(self.loss) else f" ({self.loss:.5f} on held-out clips)"

    @property
    def over(self) -> bool:
        """Whether patience is at its end."""
        return bool(self.task.patience) and self.waited >= self.task.patience

    @cached_property
    def batches(self) -> list[dict[str, Tensor]]:
        """What is validated on, made once."""
        size = self.task.batch_size
        randoms = [np.random.default_rng((self.seed, number)) for number in range(math.ceil(ITEMS / size))]
        return [self.task.validation.batch(random, size) for random in randoms]

    def on_train_start(self, trainer: lightning.Trainer, module: StageTraining) -> None:
        trainer.should_stop = trainer.should_stop or self.over
        if not self.steps.done(trainer):
            self._validate(trainer, module)  # what fails here would fail after an hour

    def on_train_batch_end(self, trainer: lightning.Trainer, module: StageTraining, *_) -> None:
        if not self.steps.between(trainer):
            return
        due = self.steps.done(trainer) % self.task.validate_every == 0
        if due or self.steps.finished(trainer):
            self._validate(trainer, module)
        if due:
            better = self.loss < self.best
            self.best, self.waited = (self.loss, 0) if better else (self.best, self.waited + 1)
            if better and self.task.patience and trainer.is_global_zero:
                self._keep(trainer, module)
        if self.over:
            trainer.should_stop = True
            if trainer.is_global_zero:
                words = "stops: the smallest loss on held-out clips, %.5f, is %d validations old"
                logger.info(words, self.best, self.waited)

    def _keep(self, trainer: lightning.Trainer, module: StageTraining) -> None:
        with self.average.applied(module), atomic_path(self.folder / "best.ckpt") as partial:
            torch.save({"state_dict": module.state_dict(), "steps": self.steps.done(trainer)}, partial)

    def _validate(self, trainer: lightning.Trainer, module: StageTraining) -> None:
        """Find the loss: one process does, for all."""
        found = self._found(trainer, module) if trainer.is_global_zero else None
        self.loss = trainer.strategy.broadcast(found)

    def _found(self, trainer: lightning.Trainer, module: StageTraining) -> float:
        """The loss, logged with all that belongs to it."""
        done = self.steps.done(trainer)
        step = trainer.fit_loop.epoch_loop._batches_that_stepped  # as Lightning's own logs count
        with (
            isolate_rng(),
            self.average.applied(module),
            evaluating(module),
            torch.no_grad(),
            trainer.precision_plugin.val_step_context(),
        ):
            values = self._losses(module)
            pictures = self._pictures(module) if self._shown(done) else None
        for log in trainer.loggers:
            log.log_metrics({f"validation_{name}": value for name, value in values.items()}, step)
        if pictures is not None:
            grid = grid_of(pictures)
            with atomic_path(self.folder / f"pictures/step_{done:06d}.png") as partial:
                cv2.imwrite(str(partial), grid[..., ::-1])
            for log in trainer.loggers:
                if isinstance(log, TensorBoardLogger):
                    log.experiment.add_image("pictures", grid, step, dataformats="HWC")
        return values["loss"]

    def _losses(self, module: StageTraining) -> dict[str, float]:
        """`loss` and its parts, means over the batches."""
        torch.manual_seed(self.seed)
        found = []
        for batch in self.batches:
            loss = module(_moved(batch, module))
            found.append({"loss": float(loss), **{name: float(value) for name, value in module.parts.items()}})
            module.parts = {}
        return {name: float(np.mean([values[name] for values in found])) for name in found[0]}

    def _pictures(self, module: StageTraining) -> np.ndarray | None:
        torch.manual_seed(self.seed)
        return module.pictures(_moved({name: value[:ROWS] for name, value in self.batches[0].items()}, module))

    def _shown(self, done: int) -> bool:
        between = max(self.steps.total // (GRIDS * self.task.validate_every), 1) * self.task.validate_every
        return done % between == 0 or done == self.steps.total


def grid_of(pictures: np.ndarray) -> np.ndarray:
    """Pictures (rows, columns, h, w, 3) as one (rows h, columns w, 3)."""
    rows, columns, height, width, channels = pictures.shape
    return pictures.swapaxes(1, 2).reshape(rows * height, columns * width, channels)


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """The module in evaluation mode, and afterwards each of its parts in the mode that it had."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _moved(batch: Mapping[str, Tensor], module: StageTraining) -> dict[str, Tensor]:
    return {name: value.to(module.device) for name, value in batch.items()}
