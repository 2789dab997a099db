"""The mean face that pictures are aligned to, and the transform of every frame (specification of Diffused Heads, 3.1).

As face-processor (MIT) does it: five points that speech does not move are brought onto those of a mean face by the
similarity of least squares, steadied over neighbouring frames.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from toolkit.faces import similarity
from toolkit.faces.smoothing import running_mean, runs

STABLE = [33, 36, 39, 42, 45]  # the base of the nose and the corners of the eyes

_FILE = Path(__file__).with_name("mean_faces.json")


class MeanFace(NamedTuple):
    """A mean face (68, 2) where it belongs in the aligned picture, and that picture's size in pixels."""

    points: np.ndarray
    height: int
    width: int


def read_mean_face(name: str = "main") -> np.ndarray:
    """The (68, 2) points of one of the published mean faces: `main`, or `packaged`, which is longer and rounded."""
    return np.array(json.loads(_FILE.read_text(encoding="utf-8"))[name], np.float64)


def placed(face: np.ndarray, scale: float, offset: tuple[float, float, float]) -> MeanFace:
    """The mean face at `scale` with room around it: `offset` is the room at either side over the face's width, above and
    below over its height.

    The face is measured in whole pixels, as published, so that it may lie up to a pixel off.
    """
    side, above, below = offset
    face = face * scale
    corner, (width, height) = _box(face)
    face = face - corner + [int(side * width), int(above * height)]
    _, (width, height) = _box(face)
    return MeanFace(face, int(height * (1 + above + below)), int(width * (1 + 2 * side)))


def alignment_matrices(points: np.ndarray, face: np.ndarray, smoothing: int, window: str = "centred") -> np.ndarray:
    """(T, 2, 3) frame pixels -> aligned pixels for landmarks (T, 68, 2) and the placed mean face (68, 2).

    Each frame's transform is that of its points' mean over `smoothing` frames (`toolkit.faces.smoothing.running_mean`),
    none of them beyond a cut. Published is the window `forward`, whose pictures run half of it ahead of the head, and
    which knows no cuts.
    """
    shots = [slice(None)] if window == "forward" else runs(points, np.ones(len(points), bool))
    steady = np.concatenate([running_mean(points[shot][:, STABLE], smoothing, window) for shot in shots])
    return similarity.fit(steady, face[STABLE])


def residual(aligned: np.ndarray, face: np.ndarray) -> np.ndarray:
    """(T,) pixels: how far the stable points of aligned landmarks (T, 68, 2) are from the mean face's, root mean square."""
    return np.sqrt(np.square(aligned[:, STABLE] - face[STABLE]).sum(-1).mean(-1))


def _box(face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corner and the size (width, height) of the points' bounding box, cut to whole pixels."""
    low, high = face.min(0).astype(int), face.max(0).astype(int)
    return low, high - low
