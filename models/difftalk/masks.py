"""What DiffTalk's network does not see, and what it paints (DiffTalk specification, sections 8.1 and 8.2)."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from models.difftalk.points import JAW, NOSE_BASE, NOSE_TIP, scaled
from toolkit.faces.masks import feathered, lower_face_mask

SOFT = 1 / 32  # of the picture's size, over which what is pasted fades out


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


def kept_above_nose(points: np.ndarray, size: int, to: int) -> np.ndarray:
    """(to, to) float32: 0 from the row of the tip of the nose down, 1 above. Nothing of the frame's own jaw is kept."""
    mask = np.ones((to, to), np.float32)
    mask[max(int(scaled(points[NOSE_TIP, 1], size, to)), 0) :] = 0
    return mask


def polygon_mask(points: np.ndarray, size: int) -> np.ndarray:
    """(size, size) float32 for paste-back: 1 within the polygon, falling to 0 at its rim; points in its pixels."""
    return feathered(1 - kept(points, size, size).astype(np.uint8), max(round(SOFT * size), 1))


class Region(NamedTuple):
    """What is painted.

    point   the landmark from whose row down the network sees the frame black in sampling
    kept    (points, size, to) -> (to, to): 1 where the frame's latents are known, else 0
    mask    (points, size) -> (size, size): the weight of the painted picture where it is pasted
    """

    point: int
    kept: Callable[[np.ndarray, int, int], np.ndarray]
    mask: Callable[[np.ndarray, int], np.ndarray]


REGIONS = {
    "polygon": Region(NOSE_BASE, kept, polygon_mask),
    "lower_face": Region(NOSE_TIP, kept_above_nose, lower_face_mask),
}
