"""Moving pictures whose truth is known, and a small results folder made of them."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

MOUTH_ROW = 181  # of the portrait below: the line between the lips


def openings(frames: int, phase: float = 0.0) -> np.ndarray:
    """How far the mouth opens in each frame, in pixels of a 256-pixel portrait: syllables at about 3 Hz, 0 to 14."""
    time = np.arange(frames) / 25
    return 7 - 7 * np.cos(2 * np.pi * 2.6 * time + phase) * np.cos(2 * np.pi * 0.55 * time + phase)


def portrait_frames(opening: np.ndarray, size: int = 256) -> Iterator[np.ndarray]:
    """The astronaut with her lower lip and chin drawn down by `opening` pixels, frame by frame."""
    portrait = cv2.resize(astronaut()[12:204, 124:316], (256, 256), interpolation=cv2.INTER_LINEAR)
    columns, rows = np.meshgrid(np.arange(256, dtype=np.float32), np.arange(256, dtype=np.float32))
    below = np.clip((rows - MOUTH_ROW + 2) / 5, 0, 1) * np.clip((MOUTH_ROW + 75 - rows) / 55, 0, 1)
    across = np.clip((62 - np.abs(columns - 132)) / 30, 0, 1)
    for pixels in opening.astype(np.float32):
        frame = cv2.remap(portrait, columns, rows - pixels * below * across, cv2.INTER_LINEAR)
        yield cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="session")
def portrait():
    """`portrait(opening, size=256)` yields the frames of a talking portrait."""
    return portrait_frames
