"""FID, the Fréchet distance of the Inception features of two sets of frames, from 0, lower is better (specs/metrics.md
section 7; Heusel et al. 2017).

A distance of sets: a pair leaves the features of its generated and of its real frames, seen in one view of the face, and
the summary compares a system's. Under 2049 frames the covariances are singular and the value is too large; frames of one
clip are alike. So the numbers of frames and clips belong to the value, and both sides should have equally many.

Of a clip of more than `LIMIT` frames (163 s) every second, fourth, ... is taken, so that an hour takes no more memory and
time than that.
"""

from functools import partial

import numpy as np

from metrics.batches import Batches
from metrics.frechet import RealClips, are_real
from metrics.measure import Measure, MetricInputs, Value
from metrics.metric import Metric, NotComputed

LIMIT = 4096
"""Frames of a clip, an even number."""
PREPROCESSINGS = {"fid": "torchmetrics", "fid_pytorch_fid": "pytorch_fid"}
"""How frames are resized and scaled, by metric: see `models.perception.inception`."""

_DEFINITION = (
    "Fréchet distance of the 2048 Inception features of the generated and of the real frames, unbiased covariances in "
    "float64. Too large for fewer than 2049 frames."
)
_FRAMES = f"frames as decoded, all of them, of a clip over {LIMIT // 25} s evenly spaced ones"
METRICS = (
    Metric(
        name="fid",
        title="FID",
        unit="distance",
        direction="lower",
        needs=("inception",),
        definition=f"{_DEFINITION} Frames are resized with antialiasing, as torchmetrics does.",
        source="Heusel et al. 2017; torchmetrics 1.9's preprocessing, TensorFlow's Inception of 2015-12-05",
        settings=f"299×299 bilinear with antialiasing, (x - 128)/128; {_FRAMES}",
        of="set",
        size_dependent=True,
    ),
    Metric(
        name="fid_pytorch_fid",
        title="FID (pytorch-fid)",
        unit="distance",
        direction="lower",
        needs=("inception",),
        definition=f"{_DEFINITION} Frames are resized without antialiasing, as pytorch-fid does.",
        source="Heusel et al. 2017; pytorch-fid 0.3's preprocessing, TensorFlow's Inception of 2015-12-05",
        settings=f"299×299 bilinear without antialiasing, 2x/255 - 1; {_FRAMES}",
        of="set",
        size_dependent=True,
    ),
)


class Fid(Measure):
    """The features of every frame of both sides; one network, two preprocessings."""

    def __init__(self, inputs: MetricInputs) -> None:
        from models.perception.checkpoints import load

        self.network = load("inception", inputs.weights["inception"])
        self.rows: dict[str, list[np.ndarray]] = {}
        self.frames, self.taken, self.stride = 0, 0, 1
        self.batches = {side: Batches(partial(self._take_in, side)) for side in ("generated", "reference")}

    def update(self, generated: np.ndarray, reference: np.ndarray | None) -> None:
        if self.frames % self.stride == 0:
            if self.taken == LIMIT:
                self._thin_out()
            self.taken += 1
            self.batches["generated"].add(generated)
            if reference is not None:
                self.batches["reference"].add(reference)
        self.frames += 1

    def _thin_out(self) -> None:
        """Keep every second of the frames that were taken, and take every second of those to come."""
        self._finish()
        self.rows = {name: [np.concatenate(rows)[::2]] for name, rows in self.rows.items()}
        self.taken, self.stride = self.taken // 2, 2 * self.stride

    def _finish(self) -> None:
        for batches in self.batches.values():
            batches.finish()

    def _take_in(self, side: str, frames: np.ndarray) -> None:
        from models.perception.inception import features

        for name, preprocessing in PREPROCESSINGS.items():
            self.rows.setdefault(f"{name}.{side}", []).append(features(self.network, frames, preprocessing))

    def result(self) -> dict[str, Value]:
        self._finish()
        if not self.rows:
            raise NotComputed("no frame")
        return {}

    def features(self) -> dict[str, np.ndarray]:
        rows = {name: np.concatenate(rows) for name, rows in self.rows.items()}
        return rows | {f"{name}.frames": np.ones(self.taken, int) for name in PREPROCESSINGS}

    def counts(self) -> dict[str, int]:
        return {"fid_frames": self.taken}


def measure(inputs: MetricInputs) -> Fid | RealClips:
    """Reads the frames of both sides, each at its own size."""
    return RealClips() if are_real(inputs) else Fid(inputs)
