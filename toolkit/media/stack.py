"""Frames as compressed pictures in one `.npz`: what NumPy and OpenCV read where there is no video library.

A stack holds `pictures` (bytes,) uint8, the WebP files of the frames one after the other, and `ends` (T,) int64, where
each of them ends. At 128 x 128 a frame takes about 4 kB, six times what H.264 takes.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from toolkit.errors import InputError
from toolkit.files import write_npz

QUALITY = 90
"""WebP's: 40 dB away from the frame at 128 x 128, as H.264 is at crf 14."""


def is_stack(path: str | Path) -> bool:
    """Whether the name says so."""
    return Path(path).suffix == ".npz"


def write_stack(path: str | Path, frames: Iterable[np.ndarray], quality: int = QUALITY, **more: np.ndarray) -> int:
    """Write frames ((H, W, 3) uint8 RGB) as a stack, whole or not at all; return how many there were.

    quality: 1 to 100, lossless above that. more: further arrays by name.
    """
    flags = [cv2.IMWRITE_WEBP_QUALITY, quality]
    pictures = [cv2.imencode(".webp", frame[..., ::-1], flags)[1] for frame in frames]
    if not pictures:
        raise ValueError(f"no frames for {path}")
    ends = np.cumsum([len(picture) for picture in pictures])
    write_npz(path, pictures=np.concatenate(pictures), ends=ends, **more)
    return len(pictures)


class Stack:
    """The frames of a stack by number, decoded where they are read."""

    def __init__(self, path: str | Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self.pictures, self.ends = arrays["pictures"], arrays["ends"]
        except (OSError, KeyError, ValueError) as error:
            raise InputError(path, f"it holds no stack of pictures ({error})", "Make it again") from error

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, number: int) -> np.ndarray:
        """Frame `number`, 0 or more: (H, W, 3) uint8 RGB."""
        begin = self.ends[number - 1] if number else 0
        return cv2.imdecode(self.pictures[begin : self.ends[number]], cv2.IMREAD_COLOR)[..., ::-1].copy()

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
        """Frames `start` .. `stop` - 1."""
        yield from (self[number] for number in range(*slice(start, stop).indices(len(self))))
