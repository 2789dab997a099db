"""Pictures moved along a similarity transform."""

import cv2
import numpy as np

from toolkit.faces import similarity


def warp(frame: np.ndarray, matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    """The (height, width, 3) uint8 picture in which pixel `matrix` (2, 3) times p shows the frame's pixel p, (H, W, 3) uint8.

    Bilinear in floating point and cut to whole levels, as published; outside the frame it is black, fading over the
    last pixel.
    """
    return cv2.warpAffine(frame.astype(np.float32), matrix, (width, height), flags=cv2.INTER_LINEAR).astype(np.uint8)


def averaged(frame: np.ndarray, matrix: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """The frame shrunk to the means of `block` x `block` pixels, and the transform from there on.

    Bilinear sampling skips pixels where it shrinks a picture by more than two, which makes fine detail flicker. What is
    left over at the right and the bottom, less than a block, is lost.
    """
    if block == 1:
        return frame, matrix
    height, width = frame.shape[0] // block, frame.shape[1] // block
    whole = frame[: height * block, : width * block]
    small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    grown = np.array([[block, 0, (block - 1) / 2], [0, block, (block - 1) / 2], [0, 0, 1]])
    return small, matrix @ grown


def block_size(matrices: np.ndarray) -> int:
    """How many pixels of a clip's frames to average, on a side, before these transforms (T, 2, 3) shrink them."""
    return max(1, int(1 / np.median(similarity.scale(matrices))))
