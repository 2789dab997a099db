"""Part d: DiffDub's `small` renderer trained for a given time on real speakers; another speaker, never seen, is redrawn.

    python -m benchmarks.gpu.faces PREPARED OUT --seconds 120 --held-out NAME

PREPARED holds `{clip}.mp4` and `{clip}.npz` of results/crops at 128 pixels. The held-out speaker is redrawn from the lip
latents of their own frames and one other frame: what the renderer has learned of lips, whatever the speech. Written:
`redrawn.mp4`, `truth.mp4`, `pictures.png` and `faces.json` (steps, seconds, PSNR in the painted window and of a held mouth).
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from models.diffdub.encoding import clip_latents
from models.diffdub.presets import PRESETS
from models.diffdub.rendering import render, to_pixels
from models.diffdub.training import task
from models.diffdub.window import WINDOWS, resize_frame, scale_landmarks
from models.diffusion import noise_for
from models.system import Clip
from models.training import fit
from toolkit.files import write_json
from toolkit.media.frames import read_frames
from toolkit.media.writer import write_video

BATCH = 32


def clip_of(folder: Path, name: str) -> Clip:
    """The files of a prepared clip."""
    return Clip(name, {"view": folder / f"{name}.mp4", "transform": folder / f"{name}.npz"})


def trained(clips: list[Clip], preset: str, seconds: float, folder: Path) -> tuple[torch.nn.Module, int, float]:
    """The renderer after about `seconds` of training, its steps and the seconds that they took; a short run sets the pace."""
    begin = time.monotonic()
    fit(task("renderer", preset, {"steps": 40}, clips), folder / "pace", seed=0)
    pace = (time.monotonic() - begin) / 40  # the start of the run counted in, which leaves time for what follows
    left = seconds - (time.monotonic() - begin)
    steps = max(int(left / pace * 0.9), 30)
    print(f"{pace:.3f} s a step: {steps} steps", flush=True)
    job = task("renderer", preset, {"steps": steps}, clips)
    begin = time.monotonic()
    weights = fit(job, folder / "run", seed=0)
    job.module.network.load_state_dict(weights, strict=True)
    return job.module.network.eval().requires_grad_(False), steps, time.monotonic() - begin


def redraw(network: torch.nn.Module, clip: Clip, preset: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The clip redrawn, its own frames (T, size, size, 3) and the painted window (T, size, size)."""
    chosen = PRESETS["renderer"][preset]
    window = WINDOWS[chosen.window]
    latents = clip_latents(network, chosen.size, clip)
    frames, points = list(read_frames(clip["view"])), clip.points
    noise = noise_for(0, clip.name, 0, (1, 3, chosen.size, chosen.size))
    made = []
    for start in range(0, len(frames), BATCH):
        part = slice(start, start + BATCH)
        images = render(
            network,
            frames[part],
            points[part],
            frames[:1],
            latents[part],
            noise,
            chosen.sampling_schedule(None),
            chosen.size,
            prediction=chosen.prediction,
            keep=window.keep,
        )
        made.append(to_pixels(images))
    truth = np.stack([resize_frame(frame, chosen.size) for frame in frames])
    marks = [scale_landmarks(mark, len(frames[0]), chosen.size) for mark in points]
    painted = np.stack([window.keep(mark, chosen.size) == 0 for mark in marks])
    return np.concatenate(made), truth, painted


def decibels(pictures: np.ndarray, truth: np.ndarray, painted: np.ndarray) -> float:
    """PSNR over the painted pixels."""
    error = ((pictures.astype(float) - truth) ** 2)[painted].mean()
    return float(10 * np.log10(255**2 / error))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--preset", default="small", choices=PRESETS["renderer"])
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    names = sorted(path.stem for path in chosen.prepared.glob("*.npz"))
    clips = [clip_of(chosen.prepared, name) for name in names if name != chosen.held_out]
    network, steps, seconds = trained(clips, chosen.preset, chosen.seconds, chosen.out / "runs")
    made, truth, painted = redraw(network.to(device), clip_of(chosen.prepared, chosen.held_out), chosen.preset)
    write_video(chosen.out / "redrawn.mp4", made, crf=8)
    write_video(chosen.out / "truth.mp4", truth, crf=8)
    numbers = np.linspace(2, len(truth) - 3, 8).astype(int)
    rows = [np.hstack(list(part[numbers])) for part in (truth, made)]
    cv2.imwrite(str(chosen.out / "pictures.png"), np.vstack(rows)[..., ::-1])
    record = {
        "preset": chosen.preset,
        "clips": [clip.name for clip in clips],
        "held_out": chosen.held_out,
        "steps": steps,
        "seconds": seconds,
        "psnr_redrawn": decibels(made, truth, painted),
        "psnr_first_frame_held": decibels(truth[:1].repeat(len(truth), axis=0), truth, painted),
    }
    write_json(chosen.out / "faces.json", record)
    print(record, flush=True)


if __name__ == "__main__":
    main()
