"""MoDiTalker's five training stages, by name."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from models.moditalker.autoencoder_training import STARTS_FROM, autoencoder_task
from models.moditalker.motion_training import motion_task
from models.moditalker.video_training import mtov_task
from models.system import Clip
from models.training import Task

TASKS = {"atom": motion_task, **dict.fromkeys(STARTS_FROM, autoencoder_task), "mtov": mtov_task}


def task(
    stage: str, preset: str, options: dict, clips: Sequence[Clip], weights: Mapping[str, Path] | None = None
) -> Task:
    """One stage's training. `options` override the preset's steps, batch_size, learning_rate, precision and validation;
    `weights` are those of earlier stages and of LPIPS by name, and may hold `initial` ones of ours to start from."""
    return TASKS[stage](stage, preset, options, clips, weights)
