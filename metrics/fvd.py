"""FVD, the Fréchet distance of the I3D features of two sets of clips, from 0, lower is better (specs/metrics.md section
8; Unterthiner et al. 2018).

A distance of sets, as FID is. It grows as clips grow fewer (400 features want more than 400 clips a side), and none of the papers
says how long its clips were; here all windows of 16 frames, one after the other.
"""

import numpy as np

from metrics.accumulate import Given, Measure, Value
from metrics.frechet import RealClips, are_real
from metrics.metric import Metric, NotComputed

FRAMES = 16
"""Frames of a window, and of the stride; a row of features stands for so many."""
LEAST = 9
"""Frames that I3D takes."""
SIDES = ("generated", "reference")

METRICS = (
    Metric(
        "fvd",
        "FVD",
        "distance",
        "lower",
        ("i3d",),
        "Fréchet distance of the 400 I3D logits of the generated and of the real clips, cut into all their windows of 16 "
        "frames, stride 16; unbiased covariances in float64. Too large for few windows.",
        "Unterthiner et al. 2018; I3D (Kinetics-400) and preprocessing of VideoGPT and PVDM",
        settings="windows of 16 frames, stride 16, an incomplete last one left out; shorter side to 224 bilinearly "
        "without antialiasing, centre crop, -1..1",
        of="set",
        size_dependent=True,
    ),
)


class Fvd(Measure):
    """The features of every window of both sides; with `window` None of the whole clip as one, which is then held in
    memory."""

    def __init__(self, given: Given, window: int | None = FRAMES) -> None:
        from models.perception.checkpoints import load

        self.network = load("i3d", given.weights["i3d"])
        self.window = window
        self.rows: dict[str, list[np.ndarray]] = {side: [] for side in SIDES}
        self._waiting: dict[str, list[np.ndarray]] = {side: [] for side in SIDES}

    def update(self, generated: np.ndarray, reference: np.ndarray | None) -> None:
        for side, frame in zip(SIDES, (generated, reference), strict=True):
            if frame is not None:
                self._waiting[side].append(frame)
            if len(self._waiting[side]) == self.window:
                self._take_in(side)

    def _take_in(self, side: str) -> None:
        from models.perception.i3d import features

        self.rows[side].append(features(self.network, np.stack(self._waiting[side])))
        self._waiting[side] = []

    def result(self) -> dict[str, Value]:
        for side in SIDES:
            if self.window is None and len(self._waiting[side]) >= LEAST:
                self._take_in(side)
        if not self.rows["generated"]:
            raise NotComputed(f"{len(self._waiting['generated'])} frames, it takes {self.window or LEAST}")
        return {}

    def features(self) -> dict[str, np.ndarray]:
        return {f"fvd.{side}": np.stack(rows) for side, rows in self.rows.items() if rows}

    def counts(self) -> dict[str, int]:
        return {"fvd_windows": len(self.rows["generated"]), "fvd_frames_left_out": len(self._waiting["generated"])}


def measure(given: Given) -> Fvd | RealClips:
    """Reads the frames of both sides, each at its own size."""
    return RealClips() if are_real(given) else Fvd(given)
