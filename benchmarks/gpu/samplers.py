"""Part c: whole samplers with their data, at published size with random weights: frames a second by what runs side by side.

Frames of DiffDub and DiffTalk go side by side. Diffused Heads' frames follow each other and its clips do not, so clips are its
batch. A frame has 100 steps; `TIMED` of them are timed and the rate is a tenth of theirs, with what a frame costs besides
counted ten times.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from benchmarks.gpu.clock import synchronise
from benchmarks.gpu.prepared import Prepared, published_clip, speech_of
from benchmarks.gpu.systems import GOALS, PUBLISHED, TINY, Shapes
from benchmarks.gpu.table import Table
from models.diffdub.sampling import DiffDub
from models.difftalk.sampling import DiffTalk
from models.diffused_heads.sampling import DiffusedHeads
from models.registry import get_system
from models.system import Clip, Request, Sampler

TIMED = 10
STEPS = 100
DIFFDUB_STEPS = (20, 10, 4)
DIFFTALK_STEPS = (200, 50, 20)
SECONDS = 5
"""That must be left of the part for a sampler to begin."""


@dataclass(frozen=True)
class Run:
    """A system's samplers, and what they are run on."""

    table: Table
    system: str
    options: dict
    clip: Clip
    shapes: Shapes
    device: torch.device
    tiny: bool
    batches: tuple[int, ...]

    @property
    def preset(self) -> str:
        return "debug" if self.tiny else "published"

    def request(self, frames: int, name: str = "clip") -> Request:
        """The clip's first frames, with as much speech."""
        return Request(Clip(name, self.clip.files), speech_of(self.clip)[: self.shapes.speech[0] * frames], frames)

    def sampling(self, steps: int, **others: object) -> dict:
        """The system's sampling options, in the benchmark's precision."""
        return self.options | {"steps": steps, "precision": "bfloat16"} | others


def samplers(table: Table, prepared: Prepared, device: torch.device, tiny: bool, batches: tuple[int, ...]) -> None:
    """Every system, each with its share of the part's time."""
    systems = {"diffdub": _diffdub, "diffused_heads": _diffused_heads, "difftalk": _difftalk}
    for number, (system, sampled) in enumerate(systems.items()):
        shapes = (TINY if tiny else PUBLISHED)[system]
        with TemporaryDirectory() as folder, table.share(len(systems) - number):
            clip = published_clip(prepared.clips("speakers")[0], Path(folder), system, max(batches), shapes)
            sampled(Run(table, system, prepared.options(system), clip, shapes, device, tiny, batches))


def _diffdub(run: Run) -> None:
    presets = _presets("diffdub")
    with run.device:
        renderer = presets["renderer"][run.preset].build()
        sequence = presets["sequence"][run.preset].build(*run.shapes.speech[1:], *run.shapes.latents["lips"])
    networks = _ready(run.device, renderer, sequence)

    def sampler(steps: int, batch: int) -> DiffDub:
        return DiffDub(*networks, run.preset, run.sampling(steps, batch_size=batch))

    _side_by_side(run, sampler, DIFFDUB_STEPS)


def _difftalk(run: Run) -> None:
    presets = _presets("difftalk")
    with run.device:
        first_stage = presets["first_stage"][run.preset].build()
        network = presets["unet"][run.preset].build(run.shapes.speech[-1])
    networks = _ready(run.device, first_stage, network)

    def sampler(steps: int, batch: int) -> DiffTalk:
        return DiffTalk(*networks, run.preset, run.sampling(steps, batch_size=batch))

    _side_by_side(run, sampler, DIFFTALK_STEPS)


def _side_by_side(run: Run, sampler: Callable[[int, int], Sampler], steps: tuple[int, ...]) -> None:
    """One batch of frames at each size but the largest, by steps, at tiny sizes the fewest; the first have the goal."""
    for batch in run.batches[::-1][1:]:
        for count in steps[-1:] if run.tiny else steps:
            name, goal = f"batch {batch}, {count} steps, bfloat16", GOALS[run.system] if count == steps[0] else ""
            seconds = _timed(run, name, sampler(2, batch), sampler(count, batch), [run.request(batch)])
            if seconds:
                run.table.add("c", run.system, "whole sampler", name, batch / seconds, "frames a second", goal)


def _diffused_heads(run: Run) -> None:
    with run.device:
        network = _presets("diffused_heads")["unet"][run.preset].build(run.shapes.speech[-1])
    [network] = _ready(run.device, network)

    def sampler(steps: int) -> DiffusedHeads:
        return DiffusedHeads(network, run.preset, run.sampling(steps))

    for clips in run.batches:
        requests = [run.request(1, f"clip {number}") for number in range(clips)]
        name = f"{clips} clips side by side, bfloat16"
        seconds = _timed(run, name, sampler(2), sampler(TIMED), requests)
        if seconds:
            rate, unit, goal = clips / seconds * TIMED / STEPS, "frames a second", GOALS[run.system]
            run.table.add("c", run.system, "whole sampler, 100 steps", name, rate, unit, goal)


def _ready(device: torch.device, *networks: nn.Module) -> list[nn.Module]:
    return [network.to(device).eval().requires_grad_(False) for network in networks]


def _presets(system: str) -> Mapping:
    return get_system(system).part("presets").PRESETS


def _timed(run: Run, name: str, first: Sampler, sampler: Sampler, requests: list[Request]) -> float | None:
    """Seconds of sampling all requests; `first` is what is run once before. None, and a note, where that cannot be."""
    subject = f"c: {run.system} {name}"
    if not run.table.has_time(1 if run.tiny else SECONDS):
        run.table.note(f"{subject}: no time left")
        return None
    try:
        _seconds(lambda: list(first.sample(requests, 0)), run.device)
        return _seconds(lambda: list(sampler.sample(requests, 0)), run.device)
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        run.table.note(f"{subject}: out of memory")
        return None


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    begin = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - begin
