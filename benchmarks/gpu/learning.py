"""A stage of DiffDub trained for some seconds, whatever the machine: a trial says how many steps fit, the clock ends the run.

The number of steps must be known beforehand because the learning rate falls towards the last one.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

import torch

from models.checkpoints import write_weights
from models.diffdub.training import task
from models.system import Clip
from models.training import fit

TRIAL = 0.12
"""Share of the seconds that goes into the trial."""
SETTLED = 5  # steps before which the pace is no measure


@dataclass(frozen=True)
class Trained:
    """Weights of a stage, its steps and the seconds that they took."""

    weights: Path
    steps: int
    seconds: float


def trained(
    stage: str, preset: str, clips: Sequence[Clip], seconds: float, folder: Path, options: dict | None = None
) -> Trained:
    """`stage` after about `seconds` of training, in `folder/{stage}.safetensors`; `options` override the recipe's."""
    end, options = time.monotonic() + seconds, options or {}
    _, pace, besides = _run(stage, preset, clips, TRIAL * seconds, folder / "trial", {**options, "steps": 10**6})
    left = max(end - time.monotonic() - besides, TRIAL * seconds)
    begin = time.monotonic()
    steps = max(int(left / pace), 1)
    weights, _, _ = _run(stage, preset, clips, left, folder / "run", {**options, "steps": steps})
    path = folder / f"{stage}.safetensors"
    write_weights(path, weights, {"stage": stage, "preset": preset, "steps": steps})
    return Trained(path, steps, time.monotonic() - begin)


def _run(
    stage: str, preset: str, clips: Sequence[Clip], seconds: float, folder: Path, options: dict
) -> tuple[dict[str, torch.Tensor], float, float]:
    """The weights, seconds of a step, and seconds of all besides the steps."""
    begin, starts = time.monotonic(), []
    torch.manual_seed(0)
    job = task(stage, preset, {**options, "validation": 0}, clips)  # a held-out clip's calls would count as steps
    job.module.register_forward_pre_hook(lambda *_: starts.append(time.monotonic()))
    workers = min(8, (os.cpu_count() or 1) - 1) if torch.cuda.is_available() else 0
    weights = fit(job, folder / stage, seed=0, seconds=seconds, workers=workers, pause=inf)
    took = time.monotonic() - begin
    done = torch.load(folder / stage / "last.ckpt", weights_only=True, mmap=True)["steps"]
    first = min(SETTLED, max(done - 2, 0))  # behind the steps the hook counts what batch norms are measured with
    pace = (starts[done - 1] - starts[first]) / (done - 1 - first) if done > 1 else took
    return weights, pace, took - done * pace
