"""What the GPU benchmark reads and leaves, small and made in a moment."""

from itertools import chain
from pathlib import Path

import numpy as np

from benchmarks.gpu.prepare import system_options
from benchmarks.gpu.prepared import PARTS, clip_of, write_list
from benchmarks.gpu.sheet import Repainted, write_sheet
from benchmarks.gpu.systems import SYSTEMS
from benchmarks.gpu.table import Table
from tests.small_clips import small_clip
from toolkit.media.frames import read_frames
from toolkit.media.stack import write_stack


def small_prepared(folder: Path) -> Path:
    """A folder as `python -m benchmarks.gpu prepare` makes it, with one or two clips of 20 frames in each part."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = {part: [f"clip{2 * number}", f"clip{2 * number + 1}"] for number, part in enumerate(PARTS)}
    clips["speaker held out"].pop()
    for name in chain.from_iterable(clips.values()):
        clip = small_clip(folder, name, 20)
        write_stack(clip_of(folder, name)["view"], read_frames(clip["view"]))
        clip["view"].unlink()
    write_list(folder, clips, {system: system_options(system) for system in SYSTEMS})
    return folder


def small_out(folder: Path, frames: np.ndarray) -> Path:
    """A folder as a run leaves it: one row, and a sheet in which frames (T, h, w, 3) were made perfectly with their speech,
    and backwards with another's."""
    table = Table(folder)
    table.add("b", "some", "network", "batch 1", 1.23456, "ms a call", "5", 2)
    table.note("some card")
    write_sheet(folder, "talkers", [Repainted("somebody", frames, frames, frames[::-1])])
    return folder
