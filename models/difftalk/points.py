"""Landmarks as DiffTalk takes them (DiffTalk specification, section 4.3)."""

import numpy as np

NOSE_TIP, NOSE_BASE = 30, 33
JAW = range(2, 15)
SEEN = np.array([*range(4), *range(13, 48)])
"""The 39 points that the network sees: neither the mouth nor the lower jaw."""


def condition(points: np.ndarray, size: int, to: int = 256) -> np.ndarray:
    """The points that the network sees, (39, 2) float32 in pixels of a picture of `to` pixels on a side.

    points (..., 68, 2) are in pixels of a picture of `size` on a side.
    """
    return scaled(points[..., SEEN, :], size, to)


def scaled(points: np.ndarray, size: int, to: int) -> np.ndarray:
    """Points (..., 2) in pixels of a square picture of `size` on a side, float32 in those of one of `to`."""
    return (points / (size / to)).astype(np.float32)
