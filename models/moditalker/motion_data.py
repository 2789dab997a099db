"""AToM's training items: windows of speech and of a face's motion from the window's first frame on (specification, section
14.1)."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.speech.rows import check_shape, origin, rows_per_frame
from models.system import Clip
from toolkit.errors import InputError

GAP = 5  # frames without a face that may be interpolated


class MotionData:
    """Windows of `length` frames; of all clips each place where one may start is as likely as any other.

    A clip is split where more than 5 frames on end show no face; what is shorter than a window is left out. InputError
    where nothing remains, and where clips have different speech features. Motions are held in memory, 73 MB an hour.
    """

    def __init__(self, clips: Sequence[Clip], length: int) -> None:
        self.length = length
        self.clips = long_enough(clips, length)
        self.motions = [read_motion(clip) for clip in self.clips]
        for number in range(len(self.clips)):
            check_shape(self._speech(number), self._rows(number, 0, 1).shape[1:], (self.speech_width,))
        self.starts = np.array(
            [
                (number, start)
                for number, clip in enumerate(self.clips)
                for first, end in stretches(clip.ok)
                for start in range(first, end - length + 1)
            ]
        )

    @property
    def speech_width(self) -> int:
        """Values of a row of the speech features."""
        return self._rows(0, 0, 1).shape[1]

    def batch(self, random: np.random.Generator, size: int) -> dict[str, Tensor]:
        """motion (n, length, 204) relative to the window's first frame; reference (n, 1, 204), that frame's motion; speech (n,
        2 length, width); all float32."""
        items = [self._item(*place) for place in self.starts[random.integers(len(self.starts), size=size)].tolist()]
        return {name: torch.from_numpy(np.stack([item[name] for item in items])) for name in items[0]}

    def beyond(self, limit: float) -> float:
        """The share of numbers of motion further than `limit` from those of the window's first frame, in windows that start
        half a length apart: sampling does not reach them."""
        places = self.starts[:: max(self.length // 2, 1)].tolist()
        return float(np.mean([np.mean(np.abs(self._item(*place)["motion"]) > limit) for place in places]))

    def _item(self, clip: int, start: int) -> dict[str, np.ndarray]:
        motion = self.motions[clip][start : start + self.length]
        speech = self._rows(clip, start, start + self.length)
        return {"motion": motion - motion[:1], "reference": motion[:1], "speech": speech}

    def _rows(self, clip: int, first: int, last: int) -> np.ndarray:
        return speech_of(self._speech(clip), first, last, len(self.motions[clip]))

    def _speech(self, clip: int) -> np.ndarray:
        """Opened item by item: of tens of thousands of clips not all can be."""
        return np.load(self.clips[clip]["speech"], mmap_mode="r", allow_pickle=False)


def imported(folder: Path) -> list[Clip]:
    """The items that `toolkit.datasets.lrs3` wrote to a folder, as clips without pictures; InputError where there are none."""
    suffixes = {"speech": ".npy", "face3d": ".npz", "transform": ".npz"}
    names = sorted(path.stem for path in (folder / "speech").glob("*.npy"))
    if not names:
        raise InputError(folder, "holds no speech/*.npy", "Give the folder that toolkit.datasets.lrs3 wrote")
    return [Clip(name, {kind: folder / kind / f"{name}{end}" for kind, end in suffixes.items()}) for name in names]


def read_motion(clip: Clip) -> np.ndarray:
    """(T, 204) float32 `motion` of a clip's face3d file, flat; InputError where it has another length than the view."""
    with np.load(clip["face3d"], allow_pickle=False) as arrays:
        motion = arrays["motion"].reshape(-1, 204).astype(np.float32, copy=False)
    if len(motion) != len(clip.ok):
        problem = f"{len(motion)} frames, but the clip has {len(clip.ok)}"
        raise InputError(clip["face3d"], problem, "Delete the file and let the workflow make it again")
    return motion


def long_enough(clips: Sequence[Clip], length: int) -> list[Clip]:
    """The clips that show a face for `length` frames on end; InputError where none does."""
    found = [clip for clip in clips if any(end - first >= length for first, end in stretches(clip.ok))]
    if not found:
        problem = f"none shows a face for {length} frames on end, the length of a window"
        raise InputError("training clips", problem, "Give longer clips, or train a preset with shorter windows")
    return found


def stretches(ok: np.ndarray) -> list[tuple[int, int]]:
    """First frame and end of each stretch in which no gap in `ok` (T,) bool is longer than 5 frames."""
    usable: list[bool] = []
    for seen, group in groupby(ok.tolist()):
        count = len(list(group))
        usable += [seen or count <= GAP] * count
    edges = np.flatnonzero(np.diff([False, *usable, False]))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def speech_of(speech: np.ndarray, first: int, last: int, frames: int) -> np.ndarray:
    """(2 (last - first), width) float32: two rows of speech for each of the frames first..last-1, the last row repeated where
    they go on after the end.

    `speech` (rows, ...) has one or two rows for each of `frames`, what is in a row is flattened; InputError where it has not.
    """
    rows = np.arange(2 * first, 2 * last) // (2 // rows_per_frame(speech, frames))
    chosen = speech[np.minimum(rows, len(speech) - 1)]
    if chosen.ndim < 2:
        raise InputError(origin(speech), "has no values in its rows", "Give features (rows, width)")
    return np.asarray(chosen, np.float32).reshape(len(rows), -1)
