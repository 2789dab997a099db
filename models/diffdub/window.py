"""Where DiffDub looks and where it paints: mouth window and encoder crop (DiffDub specification, section 3.4).

Frames are RGB uint8 (size, size, 3) at the renderer's working size; landmarks are (68, 2) pixels of that frame.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from toolkit.errors import InputError
from toolkit.faces.masks import feathered, lower_face_mask

NOSE_TIP = 30  # upper edge of what is painted
BROW = 21  # upper edge of what the encoder sees: the inner end of the brow at the image's left
PUBLISHED_SIZE = 256


class Margins(NamedTuple):
    """Pixels added to the landmarks' polygon: under the chin, and all around. The defaults belong to 256 x 256."""

    chin: float = 5
    growth: int = 8


def margins_for(size: int) -> Margins:
    """The published margins, in proportion to another working size."""
    scale = size / PUBLISHED_SIZE
    return Margins(Margins().chin * scale, max(1, round(Margins().growth * scale)))


def resize_frame(frame: np.ndarray, size: int) -> np.ndarray:
    """Any frame (h, w, 3) stretched to (size, size, 3): bilinear without antialiasing, as published."""
    return cv2.resize(frame, (size, size), interpolation=cv2.INTER_LINEAR)


def scale_landmarks(points: np.ndarray, height: int, size: int) -> np.ndarray:
    """Landmarks of a frame to the working size as the published demo does: by the height in both axes."""
    return points * size / height


def scale_training_landmarks(points: np.ndarray, height: int, width: int, size: int) -> np.ndarray:
    """Integer landmarks to the working size as published training does: each axis by its own, cut to int."""
    return (points * size / np.array([width, height])).astype(np.int64)


def inside(points: np.ndarray, size: int, upper: int = NOSE_TIP, margins: Margins | None = None) -> np.ndarray:
    """(size, size) uint8: 1 in the window under landmark `upper`.

    The polygon runs along the jaw (points 6, 8, 10) and up to the height of `upper`; corners outside the frame are cut
    off. It is grown by `margins`, by default the published ones in proportion to the size.
    """
    chin, growth = margins or margins_for(size)
    x, y = np.asarray(points, np.float64).T
    corners = np.array([(x[6], y[upper]), (x[10], y[upper]), (x[10], y[10]), (x[8], y[8] + chin), (x[6], y[6])])
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1)  # astype truncates toward zero, as published
    return cv2.dilate(mask, np.ones((2 * growth + 1, 2 * growth + 1), np.uint8))


def keep(points: np.ndarray, size: int, margins: Margins | None = None) -> np.ndarray:
    """(size, size) float32: 0 in the mouth window that is painted anew, 1 where the frame stays."""
    return 1 - inside(points, size, NOSE_TIP, margins).astype(np.float32)


def box(window: np.ndarray) -> tuple[int, int, int, int]:
    """x1, x2, y1, y2: the smallest and largest column and row in a window. Raises InputError for an empty one."""
    columns, rows = np.flatnonzero(window.any(axis=0)), np.flatnonzero(window.any(axis=1))
    if len(columns) < 2 or len(rows) < 2:
        raise InputError("landmarks", "the face's lower half lies outside the picture", "Crop closer to the whole face")
    return int(columns[0]), int(columns[-1]), int(rows[0]), int(rows[-1])


def encoder_crop(frame: np.ndarray, points: np.ndarray, margins: Margins | None = None) -> np.ndarray:
    """What the encoder sees, (size, size, 3) uint8: the window from the brows to the chin, black around it, stretched.

    As published the crop loses its last row and column and is stretched by nearest neighbour, whatever its aspect.
    """
    size = len(frame)
    window = inside(points, size, BROW, margins)
    x1, x2, y1, y2 = box(window)
    crop = (frame * window[..., None])[y1:y2, x1:x2]
    rows, columns = (np.arange(size) * length // size for length in crop.shape[:2])
    return crop[rows[:, None], columns]


def feather(points: np.ndarray, size: int, margins: Margins | None = None) -> np.ndarray:
    """(size, size) float32 mask for paste-back: 0 outside the mouth window, rising to 1 across its grown rim."""
    growth = (margins or margins_for(size)).growth
    return feathered(inside(points, size, NOSE_TIP, margins), growth)


def keep_above_nose(points: np.ndarray, size: int, margins: Margins | None = None) -> np.ndarray:
    """(size, size) float32: 0 from the nose tip down, 1 above.

    The published window ends at the frame's own chin and leaves its cheeks, and both tell how far that frame's mouth is
    open: a renderer that is trained briefly reads the mouth off them and never uses the lip latent.
    """
    mask = np.ones((size, size), np.float32)
    mask[max(int(points[NOSE_TIP, 1]), 0) :] = 0
    return mask


class Window(NamedTuple):
    """What a renderer paints: `keep`, 0 where it does, and `feather`, the weight of what it painted in the picture."""

    keep: Callable[..., np.ndarray]
    feather: Callable[..., np.ndarray]


WINDOWS = {"mouth": Window(keep, feather), "lower_face": Window(keep_above_nose, lower_face_mask)}
