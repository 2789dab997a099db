"""A repainted face back into its frame, with no other pixel touched."""

import cv2
import numpy as np

from toolkit.faces import similarity
from toolkit.faces.crop import Square, resize


def paste(frame: np.ndarray, face: np.ndarray, square: Square, mask: np.ndarray) -> np.ndarray:
    """Blend `face` into a copy of `frame` where `mask` says so.

    frame: (H, W, 3) uint8; face: (S, S, 3) uint8, a picture of the square; mask: (S, S) in 0..1, the face's weight (1
    inside, falling to 0 over its feather). Where the mask, resized to the square, is 0 the pixels equal the frame's
    exactly.
    """
    weight = resize(np.asarray(mask, dtype=np.float32), square.side)
    return _blend(frame, resize(face, square.side), weight, square.left, square.top)


def paste_aligned(frame: np.ndarray, face: np.ndarray, matrix: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Blend an aligned `face` into a copy of `frame`.

    frame: (H, W, 3) uint8; matrix: (2, 3), a similarity from the frame's pixels to the mask's; mask: (S, S) in 0..1, the
    face's weight; face: uint8, the same square at any size. The face is sampled bicubically (sharper where it grows, by
    up to 1 dB), the mask bilinearly, both after averaging where the frame is coarser than they are. Where no weight
    falls the pixels equal the frame's exactly.
    """
    seen = np.argwhere(mask)[:, ::-1]
    if len(seen) == 0:
        return frame.copy()
    left, top, right, bottom = _reach(seen.min(0) - 1, seen.max(0) + 1, matrix, frame.shape)
    if left >= right or top >= bottom:
        return frame.copy()

    def in_frame(image: np.ndarray, interpolation: int, border: int) -> np.ndarray:
        fitting = min(len(image), int(np.ceil(len(mask) / similarity.scale(matrix))))
        image = resize(image, fitting)
        onto = similarity.resized(matrix, len(mask), fitting)
        onto[:, 2] += onto[:, :2] @ [left, top]
        flags = interpolation | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, onto, (right - left, bottom - top), flags=flags, borderMode=border)

    weight = in_frame(np.asarray(mask, dtype=np.float32), cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
    return _blend(frame, in_frame(face, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE), weight, left, top)


def _reach(low: np.ndarray, high: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> list[int]:
    """Left, top, right and bottom (exclusive) of what a rectangle of the aligned picture covers in the frame."""
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    covered = similarity.apply(similarity.invert(matrix), corners)
    inside = np.clip([np.floor(covered.min(0)), np.ceil(covered.max(0)) + 1], 0, shape[1::-1])
    return inside.astype(int).ravel().tolist()


def _blend(frame: np.ndarray, face: np.ndarray, weight: np.ndarray, left: int, top: int) -> np.ndarray:
    """A copy of `frame` with `face` (h, w, 3) at that corner, by its `weight` (h, w)."""
    rows, columns = slice(top, top + len(face)), slice(left, left + face.shape[1])
    source, weight = frame[rows, columns], weight[..., None]
    blended = source + weight * (face.astype(np.float32) - source)
    pasted = frame.copy()
    pasted[rows, columns] = np.where(weight > 0, np.rint(blended), source).clip(0, 255).astype(np.uint8)
    return pasted
