"""The five points of a face, and its picture of 224 x 224 aligned by them to a standard face (Deep3DFaceRecon).

Unlike a mean face's similarity transform (`toolkit.faces.similarity`), nothing is turned: one scale and one shift.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

SIZE = 224  # pixels of the aligned picture
SCALED = 102.0  # pixels of the aligned picture for one unit of the standard face


class Fit(NamedTuple):
    """Where the standard face lies in a picture: `scale` (...,), pixels a unit; `shift` (..., 2), pixels, y up."""

    scale: np.ndarray
    shift: np.ndarray

    @property
    def resize(self) -> np.ndarray:
        """(...,) pixels of the aligned picture for one of the picture."""
        return SCALED / self.scale


def five_points(points: np.ndarray) -> np.ndarray:
    """Of (..., 68, d) landmarks: left eye, right eye, nose, left and right mouth corner, (..., 5, d)."""
    corners = points[..., [36, 39, 42, 45], :]
    eyes = (corners[..., ::2, :] + corners[..., 1::2, :]) / 2
    return np.concatenate([eyes, points[..., [30, 48, 54], :]], axis=-2)


def upwards(points: np.ndarray, height: int) -> np.ndarray:
    """(..., 2) pixels with y down as pixels with y up, or back."""
    return np.stack([points[..., 0], height - 1 - points[..., 1]], -1)


def fit(points: np.ndarray, standard: np.ndarray) -> Fit:
    """The fit of the `standard` (5, 3) to five points (..., 5, 2), y up: x = R1 X + tx, y = R2 X + ty by least squares, of
    which the mean length of R1 and R2 is the scale."""
    solver = np.linalg.pinv(np.column_stack([standard, np.ones(len(standard))]).astype(np.float64))
    found = solver @ np.asarray(points, np.float64)
    return Fit(np.linalg.norm(found[..., :3, :], axis=-2).mean(-1), found[..., 3, :])


def fit_landmarks(points: np.ndarray, standard: np.ndarray, height: int) -> Fit:
    """`fit` of 68 landmarks (..., 68, 2) in pixels, y down, of a picture of that height."""
    return fit(five_points(upwards(points, height)), standard)


def align(image: np.ndarray, found: Fit) -> np.ndarray:
    """The picture (224, 224, 3) of a frame (H, W, 3) uint8, black beyond the frame; `found` is the fit of its landmarks."""
    height, width = image.shape[:2]
    scale = float(found.resize)
    resized = Image.fromarray(image).resize((int(width * scale), int(height * scale)), Image.Resampling.BICUBIC)
    x, y = found.shift
    left = int(resized.width / 2 - SIZE / 2 + (x - width / 2) * scale)
    top = int(resized.height / 2 - SIZE / 2 + (height / 2 - y) * scale)
    return np.asarray(resized.crop((left, top, left + SIZE, top + SIZE)))


def align_points(points: np.ndarray, found: Fit, height: int, width: int) -> np.ndarray:
    """Landmarks (68, 2) of a frame (pixels, y down) in its aligned picture, y up."""
    size, scale = np.array([width, height]), float(found.resize)
    resized = (size * scale).astype(int)
    return (upwards(points, height) - found.shift + size / 2) * scale - (resized / 2 - SIZE / 2)
