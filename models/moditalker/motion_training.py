"""The training of AToM: speech and one face to motion (MoDiTalker specification, sections 5 and 14.2)."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from models.moditalker.motion_data import MotionData, imported, long_enough
from models.moditalker.presets import PRESETS, AtomPreset
from models.moditalker.recipes import RECIPES, AtomRecipe
from models.system import Clip
from models.training import StageTraining, Task, held_out, stage_task
from models.training.adan import Adan
from toolkit.log import logger

MOTION_WEIGHT, CHANGE_WEIGHT = 7.5, 1.5


class MotionTraining(StageTraining):
    """The network learns the motion of a window behind a noisy one; some items learn it without speech and face."""

    recipe: AtomRecipe

    def __init__(self, preset: AtomPreset, recipe: AtomRecipe, speech_width: int) -> None:
        super().__init__(preset.build(speech_width), recipe)
        self.preset, self.schedule = preset, preset.training_schedule()

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch of `MotionData`."""
        motion = batch["motion"]
        count = len(motion)
        t = torch.randint(len(self.schedule), (count,), device=motion.device)
        conditions = self.network.conditions(batch["reference"], batch["speech"])
        if self.training:  # held-out clips are measured with what sampling has
            keep = torch.rand(count, device=motion.device) >= self.recipe.dropped
            conditions = conditions.where(keep, self.network.without(count))
        noisy = self.schedule.noisy(motion, torch.randn_like(motion), t)
        output = self.network(self.preset.seen(noisy, t), t, conditions)
        self.parts = motion_losses(output.float(), motion)
        return sum(self.parts.values())

    def optimizer(self, parameters: Iterable[Parameter], learning_rate: float | None = None) -> Optimizer:
        """Adan where the recipe says so."""
        if self.recipe.optimiser != "adan":
            return super().optimizer(parameters, learning_rate)
        rate = learning_rate or self.recipe.learning_rate
        return Adan(parameters, lr=rate, weight_decay=self.recipe.weight_decay)


def motion_losses(predicted: Tensor, motion: Tensor) -> dict[str, Tensor]:
    """The two terms of the loss of motions (n, length, 204), weighted: of what they are, and of how they change from frame to
    frame."""
    error = predicted - motion
    return {
        "motion": MOTION_WEIGHT * error.square().mean(),
        "change": CHANGE_WEIGHT * error.diff(dim=1).square().mean(),
    }


def motion_task(
    stage: str, preset: str, options: dict, clips: Sequence[Clip], weights: Mapping[str, Path] | None = None
) -> Task:
    """The stage's training. `options` override the preset's steps, batch_size, learning_rate, precision and validation, and
    may name a folder of `items` that were imported, to learn from as well (`motion_data.imported`). `weights` may hold
    `initial` ones of ours (.safetensors) to start from. InputError where no clip has a whole window."""
    chosen, recipe = PRESETS[stage][preset], RECIPES[stage][preset].overridden(options)
    clips = [*clips, *(imported(Path(options["items"])) if options.get("items") else ())]
    learnt, held = held_out(long_enough(clips, chosen.length), recipe.validation)
    batches = partial(MotionData, length=chosen.length)
    data = batches(learnt)
    if chosen.limit is not None and (share := data.beyond(chosen.limit)):
        words = "%.2g%% of the motion is further than %g from its window's first frame, which sampling will not reach"
        logger.warning(words, 100 * share, chosen.limit)
    return stage_task(
        stage,
        preset,
        recipe,
        MotionTraining(chosen, recipe, data.speech_width),
        data,
        [clip[kind] for clip in clips for kind in ("face3d", "transform", "speech")],
        initial=(weights or {}).get("initial"),
        validation=batches(held) if held else None,
        held=held,
    )
