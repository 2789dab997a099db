"""What comes back of a training: true frames, the same made by the networks, and made with another's speech, side by side.

A sheet is one stack (`toolkit.media.stack`) whose frames hold three pictures from left to right, clip after clip, with
`names` and `lengths` (frames) of the clips: one file for many videos, since few files come back from a GPU machine.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from toolkit.media.stack import Stack, write_stack

SHOWN = 8  # frames of a clip in the picture
QUALITY = 95  # 42 dB, far above what the networks reach


class Repainted(NamedTuple):
    """A clip's frames (T, size, size, 3): true, made, and made with another's lips or speech."""

    name: str
    truth: np.ndarray
    made: np.ndarray
    crossed: np.ndarray


def write_sheet(folder: Path, name: str, clips: Sequence[Repainted]) -> None:
    """`{name}.npz`, and `{name}.png` with eight frames of each clip."""
    rows = [np.concatenate([clip.truth, clip.made, clip.crossed], axis=2) for clip in clips]
    names, lengths = np.array([clip.name for clip in clips]), np.array([len(clip.truth) for clip in clips])
    write_stack(folder / f"{name}.npz", np.concatenate(rows), QUALITY, names=names, lengths=lengths)
    lines = []
    for clip in clips:
        numbers = np.linspace(0, len(clip.truth) - 1, SHOWN).astype(int)
        lines += [np.hstack(list(frames[numbers])) for frames in (clip.truth, clip.made, clip.crossed)]
    cv2.imwrite(str(folder / f"{name}.png"), np.vstack(lines)[..., ::-1])


def read_sheet(path: Path) -> Iterator[Repainted]:
    """The clips of a sheet."""
    stack = Stack(path)
    with np.load(path, allow_pickle=False) as arrays:
        names, lengths = arrays["names"], arrays["lengths"]
    ends = np.cumsum(lengths)
    for name, begin, end in zip(names, ends - lengths, ends, strict=True):
        yield Repainted(str(name), *np.split(np.stack(list(stack.frames(int(begin), int(end)))), 3, axis=2))
