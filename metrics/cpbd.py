"""CPBD, the share of edges that look sharp, 0 to 1, higher is better (specs/metrics.md section 6; Narvekar and Karam 2011).

As the published Python port computes it, but by run lengths instead of a loop over pixels. How much of the picture is face
changes the value: papers have 0.28 for full frames and 0.4 for crops. Here it is of the frame that is scored.
"""

from functools import lru_cache

import cv2
import numpy as np
from skimage.feature import canny

from metrics.measure import FrameMean, MetricInputs
from metrics.metric import Metric, NotComputed

METRICS = (
    Metric(
        name="cpbd",
        title="CPBD",
        unit="0..1",
        direction="higher",
        needs=(),
        definition="Share of the upright edges whose width is below what the eye takes for blur, mean over frames.",
        source="Narvekar and Karam 2011; own code after the cpbd package 1.0.7",
        settings="the frame that is scored (face crop or whole frame) in grey, as decoded; Canny of scikit-image on 0..255",
        size_dependent=True,
    ),
)

_BLOCK = 64
_EDGE_SHARE = 0.002
"""Of a block's pixels: with fewer on an edge it does not count."""
_LONGEST = 100
"""Steps to either side over which an edge is followed beyond the first."""
_STEEP = np.tan(np.pi / 8)
"""Of a gradient that rounds to the horizontal among the multiples of 45°, the most that dy may be of dx."""


def measure(inputs: MetricInputs) -> FrameMean:
    """Reads the generated frames; of equal ones in a row (a held picture) it looks at the first."""
    share = lru_cache(maxsize=1)(lambda picture, shape: cpbd(np.frombuffer(picture, np.uint8).reshape(shape)))

    def of_frame(_: np.ndarray | None, generated: np.ndarray) -> float:
        gray = cv2.cvtColor(generated, cv2.COLOR_RGB2GRAY)
        return share(gray.tobytes(), gray.shape)

    return FrameMean("cpbd", of_frame)


def cpbd(gray: np.ndarray) -> float:
    """The share for one grey picture (H, W), 0..255; 0 where no edge in a counted block of 64×64 pixels has a width.
    `NotComputed` for a picture without a whole block."""
    if min(gray.shape) < _BLOCK:
        raise NotComputed(f"a frame of {gray.shape[1]}×{gray.shape[0]} has no block of {_BLOCK}×{_BLOCK} pixels")
    picture = gray.astype(np.float64)
    counted = _blocks(canny(picture)).mean(axis=(2, 3)) > _EDGE_SHARE
    blocks = _blocks(picture)
    contrast = blocks.max(axis=(2, 3)) - blocks.min(axis=(2, 3))
    limit = np.where(contrast <= 50, 5, 3)[..., None, None]
    width = _blocks(np.where(edges(picture), widths(picture), 0))
    width = np.where(counted[..., None, None], width, 0)
    # The probability of seen blur, 1 - exp(-(width / limit)^3.6) in whole percent, is to be 63 at most. Widths are whole,
    # so that these are the widths up to the limit, for which it is 1 - 1/e.
    sharp = (width > 0) & (width <= limit)
    return float(sharp.sum() / max(np.count_nonzero(width), 1))


def edges(picture: np.ndarray) -> np.ndarray:
    """Where upright edges are: (H, W) -> (H, W) bool."""
    response = cv2.Sobel(picture, cv2.CV_64F, 1, 0, scale=1 / 8, borderType=cv2.BORDER_REFLECT) ** 2
    # A square against a root, as in the port: the original's 4 · mean finds half as many.
    response[response <= 2 * np.sqrt(response.mean())] = 0
    middle = response[1:-1, 1:-1]
    across = (middle > response[1:-1, :-2]) & (middle > response[1:-1, 2:])
    along = (middle > response[:-2, 1:-1]) & (middle > response[2:, 1:-1])
    return np.pad(across | along, 1)


def widths(picture: np.ndarray) -> np.ndarray:
    """Marziliano's width in pixels of an edge at each place, as if there were one: (H, W) -> (H, W), 0 where the
    brightness does not change along the row or in the outer columns."""
    dy, dx = np.gradient(picture)
    level = np.abs(dy) <= _STEEP * np.abs(dx)
    rising, falling = (dx == 0) | (level & (dx > 0)), level & (dx < 0)
    return np.where(rising, _extents(picture), np.where(falling, _extents(-picture), 0))


def _extents(picture: np.ndarray) -> np.ndarray:
    """How long each row rises around each pixel: the first step to either side untested, then on while it falls to the
    left and rises to the right."""
    columns = np.arange(picture.shape[1])
    rises = np.diff(picture, axis=1) > 0
    # To the left of column c its row falls without a break down to the last column that is not above its left neighbour.
    bottoms = np.where(np.pad(rises, ((0, 0), (1, 0))), 0, columns)
    to_left = columns - np.maximum.accumulate(bottoms, axis=1)
    tops = np.where(np.pad(rises, ((0, 0), (0, 1))), columns[-1], columns)
    to_right = np.minimum.accumulate(tops[:, ::-1], axis=1)[:, ::-1] - columns
    found = np.zeros(picture.shape, np.int64)
    found[:, 1:-1] = 2 + np.minimum(to_left[:, :-2], _LONGEST) + np.minimum(to_right[:, 2:], _LONGEST)
    return found


def _blocks(picture: np.ndarray) -> np.ndarray:
    """(H, W) -> (rows, columns, 64, 64), incomplete blocks left out."""
    rows, columns = (side // _BLOCK for side in picture.shape)
    picture = picture[: rows * _BLOCK, : columns * _BLOCK]
    return picture.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
