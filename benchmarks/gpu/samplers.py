"""Part c: whole samplers with their data, at published size with random weights: frames a second by what runs side by side.

Diffused Heads' frames follow each other and its clips do not, so clips are its batch. A frame has 100 steps; `TIMED` of
them are timed and the rate is a tenth of theirs, with what a frame costs besides counted ten times.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.gpu.clock import synchronise
from benchmarks.gpu.prepared import Prepared, published_clip, speech_of
from benchmarks.gpu.systems import GOALS
from benchmarks.gpu.table import Table
from models.diffdub.sampling import DiffDub
from models.diffused_heads.sampling import DiffusedHeads
from models.registry import get_system
from models.system import Clip, Request, Sampler

TIMED = 10
STEPS = 100
DIFFDUB_STEPS = (20, 10, 4)
SPEECH = {"diffdub": (2, 25, 1024), "diffused_heads": (1, 256)}
"""Rows a frame, and the shape of each, of the features that the published networks take."""
TINY_SPEECH = {"diffdub": (2, 1, 80), "diffused_heads": (1, 80)}
LATENT = 512
SECONDS = 5
"""That must be left of the part for a sampler to begin."""


def samplers(table: Table, prepared: Prepared, device: torch.device, tiny: bool, batches: tuple[int, ...]) -> None:
    """Both systems, each with half of the part's time."""
    end = table.deadline
    with TemporaryDirectory() as folder:
        table.begin(table.left / 2)
        _diffdub(table, prepared, device, tiny, batches, Path(folder))
        table.deadline = end
        _diffused_heads(table, prepared, device, tiny, batches, Path(folder))


def _diffdub(
    table: Table, prepared: Prepared, device: torch.device, tiny: bool, batches: tuple[int, ...], folder: Path
) -> None:
    preset, speech = "debug" if tiny else "published", (TINY_SPEECH if tiny else SPEECH)["diffdub"]
    latent = _presets("diffdub")["renderer"][preset].network.get("latent", LATENT)
    with device:
        renderer = _presets("diffdub")["renderer"][preset].build()
        sequence = _presets("diffdub")["sequence"][preset].build(*speech[1:], latent)
    networks = [network.to(device).eval().requires_grad_(False) for network in (renderer, sequence)]
    clip = published_clip(prepared.clips("speakers")[0], folder, "diffdub", batches[-1], speech, latent)

    def sampler(steps: int, batch: int) -> DiffDub:
        options = {"steps": steps, "batch_size": batch, "precision": "bfloat16"}
        return DiffDub(*networks, preset, prepared.options("diffdub") | options)

    for batch in batches[::-1][1:]:
        for steps in DIFFDUB_STEPS:
            name, goal = f"batch {batch}, {steps} steps, bfloat16", GOALS["diffdub"] if steps == 20 else ""
            requests = [Request(clip, speech_of(clip), batch)]
            seconds = _timed(table, f"c: diffdub {name}", sampler(2, batch), sampler(steps, batch), requests, device)
            if seconds:
                table.add("c", "diffdub", "whole sampler", name, batch / seconds, "frames a second", goal)


def _diffused_heads(
    table: Table, prepared: Prepared, device: torch.device, tiny: bool, batches: tuple[int, ...], folder: Path
) -> None:
    preset, speech = "debug" if tiny else "published", (TINY_SPEECH if tiny else SPEECH)["diffused_heads"]
    with device:
        network = _presets("diffused_heads")["unet"][preset].build(speech[-1])
    network = network.to(device).eval().requires_grad_(False)
    clip = published_clip(prepared.clips("speakers")[0], folder, "diffused_heads", 25, speech, LATENT)

    def sampler(steps: int) -> DiffusedHeads:
        options = {"steps": steps, "precision": "bfloat16"}
        return DiffusedHeads(network, preset, prepared.options("diffused_heads") | options)

    for clips in batches:
        requests = [
            Request(Clip(f"clip {number}", clip.files), speech_of(clip)[: speech[0]], 1) for number in range(clips)
        ]
        name = f"{clips} clips side by side, bfloat16"
        seconds = _timed(table, f"c: diffused_heads {name}", sampler(2), sampler(TIMED), requests, device)
        if seconds:
            rate, unit = clips / seconds * TIMED / STEPS, "frames a second"
            table.add("c", "diffused_heads", "whole sampler, 100 steps", name, rate, unit, GOALS["diffused_heads"])


def _presets(system: str) -> Mapping:
    return get_system(system).part("presets").PRESETS


def _timed(
    table: Table, subject: str, first: Sampler, sampler: Sampler, requests: list[Request], device: torch.device
) -> float | None:
    """Seconds of sampling all requests; `first` is what is run once before. None, and a note, where that cannot be."""
    if not table.has_time(SECONDS if device.type == "cuda" else 1):
        table.note(f"{subject}: no time left")
        return None
    try:
        _seconds(lambda: list(first.sample(requests, 0)), device)
        return _seconds(lambda: list(sampler.sample(requests, 0)), device)
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        table.note(f"{subject}: out of memory")
        return None


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    begin = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - begin
