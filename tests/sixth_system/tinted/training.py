"""Two stages: a colour for the light, and then, on top of the first stage's, one for speech too."""

import numpy as np
import torch
from models.tinted.networks import build, light_and_speech, trained
from torch.nn.functional import mse_loss

from models.system import Clip
from models.training import Frozen, StageTraining, Task, stage_task
from models.training.recipe import Recipe
from toolkit.media.frames import read_frames


class Frames:
    """What is known of a frame, and its mean colour (n, 3) in 0..1."""

    def __init__(self, clips: list[Clip], weights: dict) -> None:
        known = [light_and_speech(clip, weights) for clip in clips]
        self.light, self.speech = (torch.cat(parts) for parts in zip(*known, strict=True))
        colours = [frame.mean((0, 1)) / 255 for clip in clips for frame in read_frames(clip["view"])]
        self.colour = torch.tensor(np.array(colours), dtype=torch.float32)

    def batch(self, random: np.random.Generator, size: int) -> dict:
        chosen = random.integers(len(self.colour), size=size)
        return {"light": self.light[chosen], "speech": self.speech[chosen], "colour": self.colour[chosen]}


class Base(StageTraining):
    def forward(self, batch: dict) -> torch.Tensor:
        return mse_loss(self.network(batch["light"]), batch["colour"])


class Tone(StageTraining):
    def __init__(self, network: torch.nn.Module, recipe: Recipe, base: torch.nn.Module) -> None:
        super().__init__(network, recipe)
        self.base = Frozen(base)

    def forward(self, batch: dict) -> torch.Tensor:
        return mse_loss(self.network(torch.cat([self.base(batch["light"]), batch["speech"]], 1)), batch["colour"])


def task(stage: str, preset: str, options: dict, clips: list[Clip], weights: dict) -> Task:
    recipe = Recipe(**options, batch_size=8, learning_rate=0.02, ema_decay=0.5)
    module = Base(build(stage), recipe) if stage == "base" else Tone(build(stage), recipe, trained("base", weights))
    files = [path for clip in clips for path in clip.files.values()] + list(weights.values())
    return stage_task(stage, preset, recipe, module, Frames(clips, weights), files)
