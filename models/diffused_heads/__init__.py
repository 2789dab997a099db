"""Diffused Heads (WACV 2024, arXiv 2301.03396): a head that moves and speaks, sampled frame after frame from one picture."""

import numpy as np

from models.system import System
from models.timeline import extend_indices
from toolkit.faces.masks import face_mask, square_mask


def timeline(source_frames: int, length: int, options: dict) -> np.ndarray:
    """(length,) the video's frames, extended beyond its end: the generated face is carried where the person's face is."""
    return extend_indices(source_frames, length, options["beyond"])


def mask(points: np.ndarray, size: int, options: dict) -> np.ndarray:
    """(size, size) what is pasted: the face, or the whole aligned square, feathered."""
    return face_mask(points, size) if options["paste"] == "face" else square_mask(size)


def pasted(options: dict) -> bool:
    """Published is the plain square: nothing is pasted."""
    return options["paste"] != "nothing"


def pairs_at_once(options: dict) -> int:
    """Each frame is made from the two before it: only many clips side by side keep a GPU busy."""
    return options["clips_at_once"]


SYSTEM = System(
    package="models.diffused_heads",
    stages=("unet",),
    timeline=timeline,
    mask=mask,
    view="aligned",
    pairs_at_once=pairs_at_once,
    speed_options=frozenset({"clips_at_once"}),
    paste_options=frozenset({"paste", "beyond"}),
    pasted=pasted,
)
