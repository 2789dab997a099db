"""The baseline that does not move: one frame of the reference, held for as long as the speech lasts.

It goes through the same interface as every system, so its row in the table shows what each metric gives to a picture that
takes no speech.
"""

import numpy as np

from models.system import System


def timeline(source_frames: int, length: int, options: dict) -> np.ndarray:
    """(length,) the same source frame throughout."""
    return np.full(length, min(options["reference_frame"], source_frames - 1))


def mask(points: np.ndarray, size: int, options: dict) -> np.ndarray:
    """(size, size) zeros: nothing is repainted."""
    return np.zeros((size, size), np.float32)


SYSTEM = System(package="models.still", stages=(), timeline=timeline, mask=mask)
