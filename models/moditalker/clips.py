"""What MToV's auto-encoders see of a clip: pictures, pictures without the mouth, rasters of landmarks (specification, section 6.1).

Pictures that are smaller than the frames are published as bilinear samples of them; ours are antialiased (`fitted`), as is
the raster, which tells where a landmark is to less than a pixel that way. At the frames' own size both are the same.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.pictures import fitted

NOSE_BASE = 33
CONTOUR = 17  # landmarks of the jaw, which come first
RASTER = 256  # pixels on a side of a raster before it is resized
RADIUS = 3  # of a landmark's disc in it, as published


def video_clip(frames: Sequence[np.ndarray], size: int, antialiased: bool = True) -> Tensor:
    """Frames (h, w, 3) uint8 RGB -> (3, t, size, size) float32 in [-1, 1] of the square in their middle."""
    images = torch.from_numpy(np.stack([square(frame) for frame in frames])).permute(0, 3, 1, 2).float()
    resized = fitted(images, size) if antialiased else functional.interpolate(images, (size, size), mode="bilinear")
    return (resized / 127.5 - 1).movedim(1, 0)


def masked_clip(
    frames: Sequence[np.ndarray], points: np.ndarray, size: int, row: int = NOSE_BASE, antialiased: bool = True
) -> Tensor:
    """(3, t, size, size) as `video_clip`, but -1 from the row of a landmark down; points (t, 68, 2) in the frames' pixels."""
    masked = [blanked(frame, found, row) for frame, found in zip(frames, points, strict=True)]
    return video_clip(masked, size, antialiased)


def raster_clip(points: np.ndarray, side: int, size: int, *, contour: bool = True, radius: int = RADIUS) -> Tensor:
    """(3, t, size, size) float32, -1 with discs of 1 where the landmarks are; points (t, 68, 2) in pixels of a square of `side`.

    Without the `contour` nothing tells how far the driving frame's jaw is down. The radius is in pixels of 256 x 256.
    """
    images = torch.from_numpy(raster(points, side, contour=contour, radius=radius))[:, None].float()
    return (fitted(images, size) / 127.5 - 1).movedim(1, 0).expand(3, -1, -1, -1)


def square(frame: np.ndarray) -> np.ndarray:
    """The square (s, s, ...) in the middle of a frame (h, w, ...), s its shorter side."""
    height, width = frame.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return frame[top : top + side, left : left + side]


def blanked(frame: np.ndarray, points: np.ndarray, row: int = NOSE_BASE) -> np.ndarray:
    """A copy of a frame (h, w, 3) that is black from the row of a landmark down; points (68, 2) in its pixels."""
    masked = frame.copy()
    masked[max(int(points[row, 1]), 0) :] = 0
    return masked


def raster(points: np.ndarray, side: int, *, contour: bool = True, radius: int = RADIUS) -> np.ndarray:
    """(t, 256, 256) uint8: 255 in a disc around each landmark, else 0; points (t, 68, 2) in pixels of a square of `side`.

    Published: pixels are whole numbers, cut off; `side` is the frame's width, whatever its height.
    """
    centres = (np.trunc(points[:, 0 if contour else CONTOUR :]) / side * RASTER).astype(int)
    images = np.zeros((len(points), RASTER, RASTER), np.uint8)
    for image, found in zip(images, centres, strict=True):
        for centre in found:
            cv2.circle(image, centre.tolist(), radius, 255, -1)
    return images
