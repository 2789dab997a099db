"""The view of the face that a system works in: one fixed square a clip, or every frame aligned to a mean face.

Either is a video and an `.npz` in a folder of `results/` that bears its name; what differs is the way between its
pixels and the clip's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from toolkit.faces import similarity
from toolkit.faces.crop import Square, to_crop, to_frame
from toolkit.faces.paste import paste, paste_aligned


class View(Protocol):
    """The way there and back. `points` (T, 68, 2) are the clip's landmarks in the view's pixels, `size` x `size`."""

    description: ClassVar[str]
    size: int
    points: np.ndarray

    def from_clip(self, points: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Clip pixels -> view pixels: (n, k, 2) points in the frames of numbers `frames` (n,)."""

    def to_clip(self, points: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """View pixels -> clip pixels, the inverse of `from_clip`."""

    def paste(self, frame: np.ndarray, picture: np.ndarray, mask: np.ndarray, index: int) -> np.ndarray:
        """A copy of frame `index` of the clip, (H, W, 3) uint8, with the view's picture, (S, S, 3) uint8 of any size, where
        `mask` (size, size) in 0..1 says so; where it is 0 the pixels equal the frame's exactly."""


@dataclass(frozen=True)
class Crop:
    """The same square in every frame."""

    description: ClassVar[str] = "crops: one fixed square a clip"
    square: Square
    size: int
    points: np.ndarray

    def from_clip(self, points: np.ndarray, frames: np.ndarray) -> np.ndarray:
        return to_crop(points, self.square, self.size)

    def to_clip(self, points: np.ndarray, frames: np.ndarray) -> np.ndarray:
        return to_frame(points, self.square, self.size)

    def paste(self, frame: np.ndarray, picture: np.ndarray, mask: np.ndarray, index: int) -> np.ndarray:
        return paste(frame, picture, self.square, mask)


@dataclass(frozen=True)
class Aligned:
    """Every frame by its own similarity transform: `matrices` (T, 2, 3), clip pixels -> view pixels."""

    description: ClassVar[str] = "aligned: each frame by its own similarity transform to a mean face"
    matrices: np.ndarray
    size: int
    points: np.ndarray

    def from_clip(self, points: np.ndarray, frames: np.ndarray) -> np.ndarray:
        return similarity.apply(self.matrices[frames], points)

    def to_clip(self, points: np.ndarray, frames: np.ndarray) -> np.ndarray:
        return similarity.apply(similarity.invert(self.matrices[frames]), points)

    def paste(self, frame: np.ndarray, picture: np.ndarray, mask: np.ndarray, index: int) -> np.ndarray:
        return paste_aligned(frame, picture, self.matrices[index], mask)


def read_view(path: str | Path) -> View:
    """The view that an `.npz` of `results/crops` or `results/aligned` describes."""
    with np.load(path, allow_pickle=False) as arrays:
        size, points = int(arrays["size"]), arrays["points"]
        if "matrices" in arrays:
            return Aligned(arrays["matrices"], size, points)
        return Crop(Square(*arrays["square"].tolist()), size, points)
