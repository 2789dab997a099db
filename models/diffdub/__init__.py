"""DiffDub (ICASSP 2024, arXiv 2311.01811): a diffusion auto-encoder repaints lips from latents that follow speech."""

import numpy as np

from models.diffdub.presets import PRESETS
from models.diffdub.window import WINDOWS
from models.system import System
from models.timeline import extend_indices


def timeline(source_frames: int, length: int, options: dict) -> np.ndarray:
    """(length,) the video's frames, extended beyond its end; a single portrait is one frame throughout."""
    if options["mode"] == "single_portrait":
        return np.full(length, min(options["reference_frame"] or 0, source_frames - 1))
    return extend_indices(source_frames, length, options["beyond"])


def mask(points: np.ndarray, size: int, options: dict) -> np.ndarray:
    """(size, size) the window that the preset's renderer repaints, feathered inside its rim."""
    return WINDOWS[PRESETS["renderer"][options["preset"]].window].feather(points, size)


SYSTEM = System(
    package="models.diffdub",
    stages=("renderer", "sequence"),
    timeline=timeline,
    mask=mask,
    speed_options=frozenset({"batch_size"}),
)
