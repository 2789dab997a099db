"""What fewer steps and other samplers change in the pictures of a system that the workflow trained.

    python -m benchmarks.fewer_steps diffdub results plain_planets

The clip speaks its own words. `levels` is the mean absolute difference to the most steps of the same kind (ancestral, or DDIM for
the samplers that only take x_T), in levels of 255 where the picture is painted; an ancestral sampler's result is one of many, as
far from each other as its two seeds. r and spread are those of the mouth's opening that dlib sees against the clip's landmarks.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.trained import Trained, sampled
from metrics.frames import track_enlarged
from metrics.metric import NotComputed
from metrics.mouth import mouth_correlation, mouth_spread, opening_track
from models.system import Clip
from toolkit.faces.detectors import get_detector
from toolkit.faces.tracking import track

CHOICES = {
    "diffdub": [
        *(("ddim", steps, 0) for steps in (20, 10, 4)),
        *((sampler, steps, 0) for sampler in ("dpmsolver++", "unipc") for steps in (10, 4)),
    ],
    "difftalk": [
        ("ddim", 200, 0),
        *((sampler, steps, 0) for sampler in ("ddim", "dpmsolver++", "unipc") for steps in (50, 20, 10, 8, 4)),
    ],
    "diffused_heads": [
        *(("ancestral", steps, seed) for steps, seed in ((100, 0), (100, 1), (25, 0), (10, 0))),
        *(("ddim", steps, 0) for steps in (100, 25, 10, 4)),
        *((sampler, steps, 0) for sampler in ("dpmsolver++", "unipc") for steps in (10, 4)),
    ],
}
"""Sampler, steps and seed; of each kind what the others are compared with comes first."""

OPTIONS = {"difftalk": {"noise": "fixed"}}


def compare(trained: Trained, clip: str, frames: int) -> pd.DataFrame:
    """One row per sampler, number of steps and seed."""
    request = trained.request(clip, frames)
    rows, exact = [], {}
    for name, steps, seed in CHOICES[trained.name]:
        sampler = trained.sampler(sampler=name, steps=steps, **OPTIONS.get(trained.name, {}))
        begin = time.perf_counter()
        made = sampled(sampler, request, seed)
        seconds = time.perf_counter() - begin
        painted = trained.painted(request.clip, range(request.length), made.shape[1])
        first = exact.setdefault(name == "ancestral", made)
        r, spread = mouth(made, request.clip)
        rows.append(
            {
                "sampler": name,
                "steps": steps,
                "seed": seed,
                "levels": np.abs(made.astype(float) - first)[painted].mean(),
                "r": r,
                "spread": spread,
                "ms/frame": 1000 * seconds / request.length,
            }
        )
    return pd.DataFrame(rows)


def mouth(made: np.ndarray, clip: Clip) -> tuple[float, float]:
    """Correlation and spread of the mouth in the first pictures of a clip; NaN where they cannot be computed."""
    follow = partial(track, detector=get_detector("dlib"))
    try:
        opening = opening_track(*track_enlarged(made, follow))
        truth = opening_track(clip.points[: len(made)], clip.ok[: len(made)])
    except NotComputed:
        return np.nan, np.nan
    return _or_nan(mouth_correlation, opening, truth), _or_nan(mouth_spread, opening, truth)


def _or_nan(measure: Callable[..., float], *tracks: np.ndarray) -> float:
    try:
        return measure(*tracks)
    except NotComputed:
        return np.nan


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=CHOICES)
    parser.add_argument("results", type=Path, help="the workflow's results folder, with trained networks")
    parser.add_argument("clip")
    parser.add_argument("--speech", default="mel", help="the encoder that it was trained with")
    parser.add_argument("--preset", default="debug")
    parser.add_argument("--frames", type=int, default=50)
    arguments = parser.parse_args()
    trained = Trained(arguments.results, arguments.system, arguments.preset, arguments.speech)
    print(compare(trained, arguments.clip, arguments.frames).round(2).to_string(index=False))
