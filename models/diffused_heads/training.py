"""Diffused Heads' one training stage (Diffused Heads specification, section 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from models.diffused_heads.data import FrameData
from models.diffused_heads.losses import VARIATIONAL, losses
from models.diffused_heads.presets import PRESETS, Preset
from models.diffused_heads.recipes import RECIPES, Recipe
from models.system import Clip
from models.training import StageTraining, Task, stage_task


class FrameTraining(StageTraining):
    """The network learns to make a frame of noise, the identity, the frames before it and the speech."""

    def __init__(self, preset: Preset, recipe: Recipe, audio_width: int) -> None:
        super().__init__(preset.build(audio_width), recipe)
        self.schedule, self.prediction = preset.schedule(), preset.prediction

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


def task(
    stage: str, preset: str, options: dict, clips: Sequence[Clip], weights: Mapping[str, Path] | None = None
) -> Task:
    """The training. `options` override the recipe's steps, batch_size, learning_rate, precision, and what it does with identity,
    lips and motion frames, where given; `speech_pooling` says how two feature rows make a frame's embedding; `weights`
    may hold `initial` ones of ours (.safetensors) to start from."""
    names = ("identity", "lips", "motion_blurred", "motion_noise", "motion_dropped")
    chosen = {name: options[name] for name in names if options.get(name) is not None}
    recipe = replace(RECIPES[stage][preset].overridden(options), **chosen)
    pooling = options.get("speech_pooling", "concatenation")
    data = FrameData(clips, PRESETS[stage][preset], recipe, pooling)
    module = FrameTraining(PRESETS[stage][preset], recipe, data.audio_width)
    files = [clip[kind] for clip in clips for kind in ("view", "transform", "speech")]
    initial = (weights or {}).get("initial")
    return stage_task(stage, preset, recipe, module, data, files, initial=initial, speech_pooling=pooling)
