"""DiffDub on real faces: train `small` on six speakers, dub the seventh, then time the published network.

    python -m benchmarks.real_clips --clips ../shared/data/hdtf256 --work ../real_clips                  # a GPU, about half an hour
    python -m benchmarks.real_clips --clips ../shared/data/hdtf256 --work ../real_clips --steps 3 --quick  # a CPU, to see that it runs

The training and sampling are the workflow's own rules. The last clip in name order is held out. Figures go to `WORK/real_clips.md`;
pictures of real people stay in WORK: look at them, do not commit them.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml

from models.diffdub.presets import PRESETS
from models.diffdub.renderer import Renderer
from models.diffdub.rendering import render
from toolkit.devices import device

HOME = Path(__file__).parents[1]


def run_workflow(
    clips: Path, work: Path, renderer: dict, sequence: dict, sampling: dict, cores: int, seconds: str
) -> pd.DataFrame:
    """Train on all clips but the last, dub that one, and return the workflow's table.

    `renderer`, `sequence` and `sampling` are DiffDub's options; clips end at `seconds` where that is not empty.
    """
    work.mkdir(parents=True, exist_ok=True)
    videos = sorted(clips.resolve().glob("*.mp4"))
    split = {path: "train" for path in videos} | {videos[-1]: "test"}
    rows = ["\t".join([path.stem, str(path), seconds, path.stem, split[path]]) for path in videos]
    (work / "clips.tsv").write_text("\n".join(["clip\tvideo\tend\tspeaker\tsplit", *rows]) + "\n")
    settings = {
        "clips": "clips.tsv",
        "systems": ["still", "diffdub"],
        "diffdub": {
            "preset": "small",
            "training": {"renderer": renderer, "sequence": sequence},
            "sampling": sampling,
        },
    }
    (work / "config.yaml").write_text(yaml.safe_dump(settings))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        HOME / "Snakefile",
        "--cores",
        str(cores),
        "--resources",
        "gpu=1",
    ]
    subprocess.run([*command, "--workflow-profile", HOME / "profiles/default"], cwd=work, check=True)
    return pd.read_csv(work / "results/metrics.csv")


def time_published(batch_sizes: list[int], steps: list[int], precisions: list[str]) -> pd.DataFrame:
    """Seconds and peak memory (GB) per frame of the published renderer; its weights are random: speed does not depend on them."""
    renderer = PRESETS["renderer"]["published"].build().eval().to(device())
    rows = []
    for precision in precisions:
        for count in steps:
            for batch in batch_sizes:
                seconds, memory = time_once(renderer, batch, count, precision)
                rows.append(
                    {
                        "precision": precision,
                        "steps": count,
                        "batch": batch,
                        "s/frame": seconds / batch,
                        "peak GB": memory,
                    }
                )
                print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def time_once(renderer: Renderer, batch: int, steps: int, precision: str) -> tuple[float, float]:
    """Seconds of one batch, after a warm-up on a GPU, and the peak memory in GB (NaN without a GPU)."""
    preset, where = PRESETS["renderer"]["published"], device()
    frames = np.zeros((batch, preset.size, preset.size, 3), np.uint8)
    points = np.random.default_rng(0).uniform(0.3, 0.8, (1, 68, 2)).repeat(batch, 0).astype(np.float32) * preset.size
    latents = torch.zeros(batch, 512)
    noise = torch.randn(1, 3, preset.size, preset.size)
    schedule = preset.sampling_schedule(steps)

    def sample_once() -> None:
        with torch.autocast(where.type, torch.bfloat16, enabled=precision == "bfloat16"):
            render(renderer, frames, points, frames[:1], latents, noise, schedule, preset.size)

    gpu = where.type == "cuda"
    if gpu:
        sample_once()
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    begin = time.perf_counter()
    sample_once()
    if gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - begin, torch.cuda.max_memory_allocated() / 1e9 if gpu else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder of face videos, one speaker each")
    parser.add_argument("--work", type=Path, required=True, help="folder for everything that is made")
    parser.add_argument(
        "--steps", type=int, default=20_000, help="optimiser steps of the renderer; the sequence takes half as many"
    )
    parser.add_argument("--cores", type=int, default=8)
    parser.add_argument(
        "--quick", action="store_true", help="one second of each clip, few sampling steps, one timing: for a CPU"
    )
    arguments = parser.parse_args()
    begin = time.time()
    small = {"batch_size": 4} if arguments.quick else {}
    table = run_workflow(
        arguments.clips,
        arguments.work,
        renderer={"steps": arguments.steps, **small},
        sequence={"steps": max(arguments.steps // 2, 1), **small},
        sampling={"steps": 2 if arguments.quick else 20, "batch_size": 4 if arguments.quick else 32},
        cores=arguments.cores,
        seconds="1" if arguments.quick else "",
    )
    minutes = (time.time() - begin) / 60
    choices = ([1], [2], ["float32"]) if arguments.quick else ([1, 8, 32], [20, 10, 5], ["float32", "bfloat16"])
    speed = time_published(*choices)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    report = [
        f"Workflow: {minutes:.1f} minutes on {where}, {arguments.steps} renderer steps.",
        table.to_csv(index=False),
    ]
    report += ["Published renderer:", speed.to_csv(index=False)]
    (arguments.work / "real_clips.md").write_text("\n\n".join(report))
    print(f"Figures: {arguments.work / 'real_clips.md'}; pictures: {arguments.work / 'results/videos'}")


if __name__ == "__main__":
    main()
