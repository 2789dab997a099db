"""A repainted face back into its frame, with no other pixel touched."""

import numpy as np

from toolkit.faces.crop import Square, resize


def paste(frame: np.ndarray, face: np.ndarray, square: Square, mask: np.ndarray) -> np.ndarray:
    """Blend `face` into a copy of `frame` where `mask` says so.

    frame: (H, W, 3) uint8; face: (S, S, 3) uint8, a picture of the square; mask: (S, S) in 0..1, the face's weight (1
    inside, falling to 0 over its feather). Where the mask, resized to the square, is 0 the pixels equal the frame's
    exactly.
    """
    rows = slice(square.top, square.top + square.side)
    columns = slice(square.left, square.left + square.side)
    weight = resize(np.asarray(mask, dtype=np.float32), square.side)[..., None]
    source = frame[rows, columns]
    blended = source + weight * (resize(face, square.side).astype(np.float32) - source)
    pasted = frame.copy()
    pasted[rows, columns] = np.where(weight > 0, np.rint(blended), source).clip(0, 255).astype(np.uint8)
    return pasted
