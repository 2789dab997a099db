"""A rectangle of a picture, which is all of it that a clip takes."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from toolkit.errors import InputError

SMALLEST = 16  # pixels: H.264's blocks


class Box(NamedTuple):
    """Whole pixels of the picture as it is shown, upright and with square pixels: first column, first row, size."""

    left: int
    top: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.width},{self.height}"

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """What an (H, W, 3) picture shows in the box."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]


def read_box(where: str, text: str) -> Box:
    """A box from `left,top,width,height`; InputError, which begins with `where`, for anything else."""
    try:
        box = Box(*map(int, text.split(",")))
    except (TypeError, ValueError):
        box = Box(-1, -1, 0, 0)
    if min(box[:2]) < 0 or min(box[2:]) < SMALLEST:
        remedy = f"Give left,top,width,height in pixels, {SMALLEST} at least in size, for example 480,0,390,390"
        raise InputError(where, f"crop is {text!r}", remedy)
    return box


def require_inside(path: str | Path, box: Box, width: int, height: int) -> None:
    """Refuse a box that leaves a picture of this size."""
    if box.left + box.width > width or box.top + box.height > height:
        remedy = "Correct the clip's crop (left,top,width,height of the upright picture)"
        raise InputError(path, f"its picture of {width} x {height} does not hold the crop {box}", remedy)
