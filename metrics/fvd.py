"""FVD, the Fréchet distance of the I3D features of two sets of clips, from 0, lower is better (specs/metrics.md section
8; Unterthiner et al. 2018).

A distance of sets, as FID is. It grows as clips grow fewer (400 features want more than 400 clips a side), and none of the papers
says how long its clips were; here each is cut into windows, one after the other, or taken whole, as Diffused Heads took
them: then a row of features stands for a clip, however long, up to `MOST` frames.
"""

from typing import TYPE_CHECKING

import numpy as np

from metrics.frechet import RealClips, are_real
from metrics.measure import Measure, MetricInputs, Value
from metrics.metric import Metric, NotComputed

if TYPE_CHECKING:
    from torch import Tensor

LEAST, MOST = 9, 250
"""Frames that I3D takes at least, and at most (10 s): of a clip taken whole these ask for 1.7 GB."""
SIDES = ("generated", "reference")

METRICS = (
    Metric(
        name="fvd",
        title="FVD",
        unit="distance",
        direction="lower",
        needs=("i3d",),
        definition="Fréchet distance of the 400 I3D logits of the generated and of the real clips, all their windows or each clip "
        "whole, as the settings say; unbiased covariances in float64. Too large for few of them.",
        source="Unterthiner et al. 2018; I3D (Kinetics-400) and preprocessing of VideoGPT and PVDM",
        settings="shorter side to 224 bilinearly without antialiasing, centre crop, -1..1",
        of="set",
        size_dependent=True,
    ),
)


class Fvd(Measure):
    """The features of every window of both sides, or of each side as a whole; frames wait for that as I3D takes them."""

    def __init__(self, inputs: MetricInputs) -> None:
        from models.perception.checkpoints import load

        self.network = load("i3d", inputs.weights["i3d"])
        self.window, self.has_reference = inputs.fvd_window, inputs.reference is not None
        self.seen = dict.fromkeys(SIDES, 0)
        self.frames: list[int] = []
        self.rows: dict[str, list[np.ndarray]] = {side: [] for side in SIDES}
        self._waiting: dict[str, list[Tensor]] = {side: [] for side in SIDES}

    def update(self, generated: np.ndarray, reference: np.ndarray | None) -> None:
        from models.perception.i3d import scaled

        if self.has_reference and reference is None:
            return  # it has ended, and both sides are to have equally many frames
        for side, frame in zip(SIDES, (generated, reference), strict=True):
            if frame is None:
                continue
            self.seen[side] += 1
            if self.window is None and self.seen[side] > MOST:
                self._waiting[side].clear()
                continue
            self._waiting[side].append(scaled(self.network, frame))
            if len(self._waiting[side]) == self.window:
                self._take_in(side)

    def _take_in(self, side: str) -> None:
        from models.perception.i3d import features

        self.rows[side].append(features(self.network, self._waiting[side]))
        if side == "generated":
            self.frames.append(len(self._waiting[side]))
        self._waiting[side] = []

    def result(self) -> dict[str, Value]:
        for side in SIDES:
            if self.window is None and len(self._waiting[side]) >= LEAST:
                self._take_in(side)
        if not self.rows["generated"]:
            frames = self.seen["generated"]
            limit = f"{MOST} of a whole clip at most" if frames > MOST else self.window or LEAST
            raise NotComputed(f"{frames} frames, it takes {limit}")
        return {}

    def features(self) -> dict[str, np.ndarray]:
        rows = {f"fvd.{side}": np.stack(rows) for side, rows in self.rows.items() if rows}
        return rows | {"fvd.frames": np.array(self.frames, int)}

    def counts(self) -> dict[str, int]:
        left_out = self.seen["generated"] - sum(self.frames)
        return {"fvd_windows": len(self.frames), "fvd_frames_left_out": left_out}


def measure(inputs: MetricInputs) -> Fvd | RealClips:
    """Reads the frames of both sides, each at its own size."""
    return RealClips() if are_real(inputs) else Fvd(inputs)


def cut(window: int | None) -> str:
    """What the score's record says of how clips were cut."""
    if window is None:
        return f"each clip whole, those of {LEAST} to {MOST} frames"
    return f"windows of {window} frames, stride {window}, an incomplete last one left out"
