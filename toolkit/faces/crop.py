"""One square around the face for a whole clip, and the way there and back."""

from typing import NamedTuple

import cv2
import numpy as np

from toolkit.errors import InputError


class Square(NamedTuple):
    """A square of whole pixels: its first column, first row and side."""

    left: int
    top: int
    side: int


def face_square(boxes: np.ndarray, ok: np.ndarray, height: int, width: int, expand: float = 0.6) -> Square:
    """The clip's square: (1 + expand) times the median face, around the median centre, inside the frame.

    boxes: (T, 4) left, top, right, bottom; ok: (T,) bool, frames whose box was seen. The medians are sorted[n // 2], as
    published. Where the published square leaves the frame it is moved inside; its side never exceeds the frame's
    smaller side.
    """
    seen = np.asarray(boxes, dtype=np.float64)[np.asarray(ok, dtype=bool)]
    if len(seen) == 0:
        raise InputError("face square", "no frame of the clip shows a face", "Leave the clip out")
    x, y, w, h = (np.sort(values)[len(seen) // 2] for values in _centre_and_size(seen))
    side = min(max(int((1 + expand) * w), int((1 + expand) * h)), height, width)
    left = min(max(int(x - side / 2), 0), width - side)
    top = min(max(int(y - side / 2), 0), height - side)
    return Square(left, top, side)


def to_crop(points: np.ndarray, square: Square, size: int) -> np.ndarray:
    """Frame pixels -> pixels of the square resized to `size`; (..., 2), pixel centres at whole numbers."""
    return (points - np.array(square[:2]) + 0.5) * (size / square.side) - 0.5


def to_frame(points: np.ndarray, square: Square, size: int) -> np.ndarray:
    """The inverse of `to_crop`."""
    return (points + 0.5) * (square.side / size) - 0.5 + np.array(square[:2])


def crop_frame(frame: np.ndarray, square: Square, size: int) -> np.ndarray:
    """The square of an (H, W, 3) uint8 frame as (size, size, 3): averaged when shrinking, bilinear when growing."""
    cut = frame[square.top : square.top + square.side, square.left : square.left + square.side]
    return resize(cut, size)


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """A square image at another size, pixel centres as in `to_crop`."""
    if image.shape[0] == size:
        return np.ascontiguousarray(image)
    smaller = size < image.shape[0]
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _centre_and_size(boxes: np.ndarray) -> tuple[np.ndarray, ...]:
    left, top, right, bottom = boxes.T
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
