"""Hold one frame of the reference."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.system import Clip
from toolkit.media.frames import FrameReader


class Still:
    """Yields the reference frame again and again."""

    def __init__(self, reference_frame: int) -> None:
        self.reference_frame = reference_frame

    def frames(self, reference: Clip, speech: np.ndarray | None, length: int, seed: int) -> Iterator[np.ndarray]:
        with FrameReader(reference.crop) as crop:
            frame = crop[min(self.reference_frame, len(crop) - 1)]
        for _ in range(length):
            yield frame


def load(weights: dict[str, Path], preset: str | None, options: dict) -> Still:
    """There is nothing to load."""
    return Still(options["reference_frame"])
