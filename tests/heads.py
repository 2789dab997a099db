"""Made-up heads: 3D landmarks whose shape, pose and mouth are known, as a weak perspective camera sees them."""

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from toolkit.faces.landmark_model import prior_depth
from toolkit.faces.mean_face import read_mean_face

EYES = (36, 45)


class Head(NamedTuple):
    """points (T, 68, 2) pixels, y down; angles (T, 3) degrees about x, y and z; landmarks (T, 68, 3) without pose, y up; scale
    (T,) pixels a unit."""

    points: np.ndarray
    angles: np.ndarray
    landmarks: np.ndarray
    scale: np.ndarray


def shape(seed: int, relief: float = 1.2) -> np.ndarray:
    """(68, 3): a mean face of which everybody's is a little different, deeper by `relief` than its prior."""
    face = read_mean_face() * [1, -1]
    face = (face - face.mean(0)) / np.ptp(face[list(EYES), 0]) * 0.9
    face = np.column_stack([face, relief * prior_depth(face)])
    wide, long = np.random.default_rng(seed).normal(1, 0.05, 2)
    return face * [wide, long, 1]


def head(
    seed: int, frames: int = 80, turns: tuple[float, float, float] = (6, 18, 4), noise: float = 0, nods: float = 0
) -> Head:
    """A head that speaks and turns by up to `turns` degrees about x, y and z, and that `nods` by so many whenever its mouth opens;
    `noise` pixels on each coordinate."""
    generator = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / 25
    angles = turns * np.sin(2 * np.pi * time * [0.5, 0.3, 0.2] + generator.uniform(0, 6, 3))
    landmarks = np.repeat(shape(seed)[None], frames, 0)
    open_share = (1 + np.sin(2 * np.pi * 2.2 * time[:, 0])) / 2
    angles[:, 0] += nods * open_share
    opening = 0.24 * open_share
    landmarks[:, [61, 62, 63], 1] += 0.2 * opening[:, None]
    landmarks[:, [65, 66, 67, 56, 57, 58], 1] -= 0.8 * opening[:, None]
    landmarks[:, 6:11, 1] -= 0.5 * opening[:, None]
    turned = landmarks @ Rotation.from_euler("xyz", angles, degrees=True).as_matrix().swapaxes(-1, -2)
    scale = 110 + 5 * np.sin(time[:, 0])
    points = turned[..., :2] * scale[:, None, None] * [1, -1] + [128, 120] + 6 * np.sin(time)[:, None]
    points += generator.normal(0, noise, points.shape)
    return Head(points.astype(np.float32), angles, landmarks, scale)
