"""From frames to one number, while the frames stream by."""

import math
from collections.abc import Callable

import numpy as np

from metrics.registry import NotComputed


class FrameMean:
    """The mean over frames of a measure of two pictures.

    Frames for which it is infinite (PSNR of equal pictures) are left out of the mean and counted in `infinite`.
    """

    def __init__(self, measure: Callable[[np.ndarray, np.ndarray], float]) -> None:
        self.measure, self.total, self.count, self.infinite = measure, 0.0, 0, 0

    def update(self, reference: np.ndarray, generated: np.ndarray) -> None:
        """Take in one pair of uint8 RGB frames (H, W, 3) of equal size."""
        value = self.measure(reference, generated)
        if math.isinf(value):
            self.infinite += 1
        else:
            self.total, self.count = self.total + value, self.count + 1

    def result(self) -> float:
        """The mean so far; `NotComputed` where no frame gave a finite value."""
        if self.count == 0 and self.infinite:
            raise NotComputed(f"infinite: all {self.infinite} frames are equal to the reference's")
        if self.count == 0:
            raise NotComputed("no frame to compare")
        return self.total / self.count
