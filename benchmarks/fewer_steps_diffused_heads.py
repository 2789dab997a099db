"""What fewer steps and other samplers change in clips of a trained Diffused Heads, frame after frame made from its own frames.

    python -m benchmarks.fewer_steps_diffused_heads results plain_planets

The clip speaks its own words. `levels` is the mean absolute difference to 100 steps of the same kind (ancestral, or DDIM for the
samplers that only take x_T), in levels of 255; the ancestral sampler's result is one of many, as far
from each other as its two seeds. r and spread are those of the mouth's opening against the clip's own landmarks.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from metrics.frames import track_enlarged
from metrics.mouth import mouth_correlation, mouth_spread, opening_track
from models.diffused_heads.sampling import load
from models.registry import get_system
from models.system import Clip, Request
from toolkit.faces.detectors import get_detector
from toolkit.faces.tracking import track
from toolkit.settings import complete, read_schema

CHOICES = [
    ("ancestral", 100, 0),
    ("ancestral", 100, 1),
    ("ancestral", 25, 0),
    ("ancestral", 10, 0),
    ("ddim", 100, 0),
    ("ddim", 25, 0),
    ("ddim", 10, 0),
    ("ddim", 4, 0),
    ("dpmsolver++", 10, 0),
    ("dpmsolver++", 4, 0),
    ("unipc", 10, 0),
    ("unipc", 4, 0),
]


def compare(results: Path, clip: str, speech: str, preset: str, count: int) -> pd.DataFrame:
    """One row per sampler, number of steps and seed."""
    view = results / get_system("diffused_heads").view
    reference = Clip(clip, {"view": view / f"{clip}.mp4", "transform": view / f"{clip}.npz"})
    defaults = complete({}, read_schema(get_system("diffused_heads").folder / "options.schema.yaml"))
    features = np.load(results / f"features/{speech}/{clip}.npy", mmap_mode="r", allow_pickle=False)
    length = min(count, len(reference.ok))
    rows_per_frame = len(features) // len(reference.ok)
    follow = partial(track, detector=get_detector("dlib"))
    true = opening_track(reference.points[:length], reference.ok[:length])
    rows, exact = [], {}
    for name, steps, seed in CHOICES:
        options = {
            **defaults["sampling"],
            "sampler": name,
            "steps": steps,
            "speech_pooling": defaults["speech_pooling"],
        }
        sampler = load({"unet": results / "models/diffused_heads/unet.safetensors"}, preset, options)
        begin = time.perf_counter()
        made = np.stack(
            [
                picture.rgb
                for _, picture in sampler.sample(
                    [Request(reference, features[: rows_per_frame * length], length)], seed
                )
            ]
        )
        seconds = time.perf_counter() - begin
        kind = "ancestral" if name == "ancestral" else "ddim"
        exact.setdefault(kind, made)
        opening = opening_track(*track_enlarged(made, follow))
        rows.append(
            {
                "sampler": name,
                "steps": steps,
                "seed": seed,
                "levels": np.abs(made.astype(float) - exact[kind]).mean(),
                "r": mouth_correlation(opening, true),
                "spread": mouth_spread(opening, true),
                "ms/frame": 1000 * seconds / length,
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="the workflow's results folder, with a trained network")
    parser.add_argument("clip")
    parser.add_argument("--speech", default="mel", help="the encoder that it was trained with")
    parser.add_argument("--preset", default="debug")
    parser.add_argument("--frames", type=int, default=75)
    arguments = parser.parse_args()
    table = compare(arguments.results, arguments.clip, arguments.speech, arguments.preset, arguments.frames)
    print(table.round(2).to_string(index=False))
