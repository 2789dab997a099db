"""Diffused Heads (WACV 2024, arXiv 2301.03396): a head that moves and speaks, drawn frame after frame from one picture."""

import numpy as np

from models.system import System
from models.timeline import walk
from toolkit.faces.masks import face_mask, square_mask


def timeline(source_frames: int, length: int, options: dict) -> np.ndarray:
    """(length,) the video's own frames, walked on beyond its end: the made face is carried where the person's face is."""
    return walk(source_frames, length, options["beyond"])


def mask(points: np.ndarray, size: int, options: dict) -> np.ndarray | None:
    """(size, size) what is pasted: the face, or the whole aligned square, feathered; None for the plain square as published."""
    if options["paste"] == "nothing":
        return None
    return face_mask(points, size) if options["paste"] == "face" else square_mask(size)


SYSTEM = System(package="models.diffused_heads", stages=("unet",), timeline=timeline, mask=mask, view="aligned")
