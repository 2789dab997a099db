"""Diffused Heads' one training stage (Diffused Heads specification, section 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.diffused_heads.data import FrameData
from models.diffused_heads.generation import FrameSampler
from models.diffused_heads.losses import VARIATIONAL, losses
from models.diffused_heads.presets import PRESETS, Preset
from models.diffused_heads.recipes import RECIPES, Recipe
from models.pictures import to_pixels
from models.system import Clip
from models.training import StageTraining, Task, held_out, stage_task

SHOWN_STEPS = 10  # of a picture that is sampled for the eye during training


class FrameTraining(StageTraining):
    """The network learns to make a frame of noise, the identity, the frames before it and the speech."""

    def __init__(self, preset: Preset, recipe: Recipe, audio_width: int) -> None:
        super().__init__(preset.build(audio_width), recipe)
        self.schedule, self.prediction = preset.schedule(), preset.prediction
        self.shown = FrameSampler(preset.schedule(min(preset.steps, SHOWN_STEPS)), "ddim", preset.prediction)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch of `FrameData`."""
        target, identity = batch["target"], batch["identity"]
        t = torch.randint(len(self.schedule), (len(target),), device=target.device)
        noise = torch.randn_like(target)
        output = self.network(self.schedule.noisy(target, noise, t), t, identity, batch["motion"], batch["audio"])
        weights = (VARIATIONAL, self.recipe.lip_weight)
        found = losses(
            output.float(), self.schedule, target, noise, t, batch["lips"], self.prediction, identity, weights
        )
        self.parts = {"simple": found.simple, "variational": found.variational, "lips": found.lips}
        return found.total

    def pictures(self, batch: dict[str, Tensor]) -> np.ndarray:
        """The frame, the identity, and the frame that is sampled after the real frames before it."""
        target, identity = batch["target"], batch["identity"]
        made = self.shown.frame(
            lambda x, t: self.network(x, t, identity, batch["motion"], batch["audio"]),
            lambda: torch.randn_like(target),
            identity,
        )
        return np.stack([to_pixels(images) for images in (target, identity, made)], axis=1)


def task(
    stage: str, preset: str, options: dict, clips: Sequence[Clip], weights: Mapping[str, Path] | None = None
) -> Task:
    """The training. `options` override the recipe's steps, batch_size, learning_rate, precision, validation, and what it does
    with identity, lips and motion frames, where given; `speech_pooling` says how two feature rows make a frame's
    embedding; `weights` may hold `initial` ones of ours (.safetensors) to start from."""
    names = ("identity", "lips", "motion_blurred", "motion_noise", "motion_dropped")
    chosen = {name: options[name] for name in names if options.get(name) is not None}
    recipe = replace(RECIPES[stage][preset].overridden(options), **chosen)
    pooling = options.get("speech_pooling", "concatenation")
    frames = partial(FrameData, preset=PRESETS[stage][preset], recipe=recipe, pooling=pooling)
    learnt, held = held_out(clips, recipe.validation)
    data = frames(learnt)
    module = FrameTraining(PRESETS[stage][preset], recipe, data.audio_width)
    files = [clip[kind] for clip in clips for kind in ("view", "transform", "speech")]
    initial = (weights or {}).get("initial")
    return stage_task(
        stage,
        preset,
        recipe,
        module,
        data,
        files,
        initial=initial,
        validation=frames(held) if held else None,
        held=held,
        speech_pooling=pooling,
    )
