"""What DiffTalk's network does not see, and what it paints (DiffTalk specification, sections 8.1 and 8.2)."""

import cv2
import numpy as np

from models.difftalk.points import JAW, NOSE_BASE, NOSE_TIP, scaled


def blacked_out(picture: np.ndarray, points: np.ndarray, size: int, point: int = NOSE_TIP) -> np.ndarray:
    """The picture (to, to, 3) uint8, black from the row of a landmark down.

    points (68, 2) are in pixels of a picture of `size` on a side. Published are the tip of the nose in training and its base
    (`NOSE_BASE`) in sampling.
    """
    row = int(scaled(points[point, 1], size, len(picture)))
    masked = picture.copy()
    masked[max(row, 0) :] = 0
    return masked


def kept(points: np.ndarray, size: int, to: int) -> np.ndarray:
    """(to, to) float32: 0 in the polygon that is painted, the jaw from ear to ear up to the base of the nose, else 1.

    points (68, 2) are in pixels of a picture of `size` on a side. The polygon ends at the frame's jaw, whose shape it gives
    away.
    """
    mask = np.ones((size, size), np.uint8)
    polygon = points[[*JAW, NOSE_BASE]].astype(np.int32)
    cv2.fillPoly(mask, [polygon], 0)
    return resized(mask, to).astype(np.float32)


def resized(picture: np.ndarray, to: int) -> np.ndarray:
    """A picture (h, w) or (h, w, 3) uint8 at `to` pixels on a side, by Pillow's bicubic, as published.

    OpenCV's and PyTorch's give other bytes.
    """
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((to, to), Image.Resampling.BICUBIC))
