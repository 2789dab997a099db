"""Pictures that stream by one at a time, and networks that are quicker with several."""

from collections.abc import Callable

import numpy as np

BATCH = 16  # pictures


class Batches:
    """Collects pictures, or tuples of them, and hands them on stacked: `run` gets an array (n, H, W, 3) for each place
    of the tuple, n being `size` but for what is left at the end.

    The last `overlap` pictures of each full stack are also the first of the next; what is left at the end is run only
    where it holds more than these.
    """

    def __init__(self, run: Callable[..., None], size: int = BATCH, overlap: int = 0) -> None:
        self.run, self.size, self.overlap = run, size, overlap
        self._waiting: list[tuple[np.ndarray, ...]] = []

    def add(self, *pictures: np.ndarray) -> None:
        self._waiting.append(pictures)
        if len(self._waiting) == self.size:
            self._hand_on()

    def finish(self) -> None:
        """Run what is left; more may be added afterwards only without an overlap."""
        if len(self._waiting) > self.overlap:
            self._hand_on()

    def _hand_on(self) -> None:
        self.run(*(np.stack(pictures) for pictures in zip(*self._waiting, strict=True)))
        self._waiting = self._waiting[len(self._waiting) - self.overlap :]
