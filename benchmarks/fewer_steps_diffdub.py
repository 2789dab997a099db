"""How far few-step sampling is from 20 steps of DDIM, on a trained DiffDub renderer.

    python -m benchmarks.fewer_steps_diffdub results plain_planets

Frames of a clip are sampled from their own lip latents by every sampler and number of steps. The distance is the mean absolute
difference, in levels of 255, over the painted window.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from models.diffdub.encoding import load_renderer
from models.diffdub.presets import PRESETS
from models.diffdub.rendering import lip_latents, render, to_pixels
from models.diffdub.window import WINDOWS, scale_landmarks
from models.diffusion import noise_for
from models.system import Clip
from toolkit.devices import device
from toolkit.media.frames import FrameReader

CHOICES = [
    ("ddim", 20),
    ("ddim", 10),
    ("ddim", 4),
    ("dpmsolver++", 10),
    ("dpmsolver++", 4),
    ("unipc", 10),
    ("unipc", 4),
]


def compare(results: Path, clip: str, preset: str, count: int) -> pd.DataFrame:
    """One row per sampler and number of steps: distance to the first row (DDIM, 20 steps) and milliseconds per frame."""
    reference = Clip(clip, {"view": results / f"crops/{clip}.mp4", "transform": results / f"crops/{clip}.npz"})
    chosen = PRESETS["renderer"][preset]
    renderer = load_renderer(results / "models/diffdub/renderer.safetensors", preset, device())
    numbers = np.linspace(0, len(reference.points) - 1, count).astype(int)
    points = reference.points[numbers]
    with FrameReader(reference["view"]) as crop:
        frames = [crop[int(number)] for number in numbers]
    latents = lip_latents(renderer, frames, points, chosen.size)
    noise = noise_for(0, clip, 0, (1, 3, chosen.size, chosen.size))
    window = WINDOWS[chosen.window]
    painted = (
        np.stack([window.keep(scale_landmarks(mark, len(frames[0]), chosen.size), chosen.size) for mark in points]) == 0
    )
    rows, exact = [], None
    for sampler, steps in CHOICES:
        begin = time.perf_counter()
        images = render(
            renderer,
            frames,
            points,
            frames[:1],
            latents,
            noise,
            chosen.sampling_schedule(steps),
            chosen.size,
            sampler=sampler,
            prediction=chosen.prediction,
            keep=window.keep,
        )
        pixels = to_pixels(images).astype(float)
        seconds = time.perf_counter() - begin
        exact = pixels if exact is None else exact
        distance = np.abs(pixels - exact)[painted].mean()
        rows.append({"sampler": sampler, "steps": steps, "levels": distance, "ms/frame": 1000 * seconds / count})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="the workflow's results folder, with a trained renderer")
    parser.add_argument("clip")
    parser.add_argument("--preset", default="debug", choices=PRESETS["renderer"])
    parser.add_argument("--frames", type=int, default=16)
    arguments = parser.parse_args()
    print(compare(arguments.results, arguments.clip, arguments.preset, arguments.frames).to_string(index=False))
