"""FID, the Fréchet distance of the Inception features of two sets of frames, from 0, lower is better (specs/metrics.md
section 7; Heusel et al. 2017).

A distance of sets: a pair leaves the features of its generated and of its real frames, seen in one view of the face, and
the summary compares a system's. Under 2049 frames the covariances are singular and the value is too large; frames of one
clip are alike. So the numbers of frames and clips belong to the value, and both sides should have equally many.
"""

from functools import partial

import numpy as np

from metrics.accumulate import Given, Measure, Value
from metrics.batches import Batches
from metrics.metric import Metric, NotComputed

FRAMES = 1
"""Frames that a row of features stands for."""
PREPROCESSINGS = {"fid": "torchmetrics", "fid_pytorch_fid": "pytorch_fid"}
"""How frames are resized and scaled, by metric: see `models.perception.inception`."""

_DEFINITION = (
    "Fréchet distance of the 2048 Inception features of the generated and of the real frames, unbiased covariances in "
    "float64. Too large for fewer than 2049 frames."
)
METRICS = (
    Metric(
        "fid",
        "FID",
        "distance",
        "lower",
        ("inception",),
        f"{_DEFINITION} Frames are resized with antialiasing, as torchmetrics does.",
        "Heusel et al. 2017; torchmetrics 1.9's preprocessing, TensorFlow's Inception of 2015-12-05",
        settings="299×299 bilinear with antialiasing, (x - 128)/128; frames as decoded, all of them",
        of="set",
    ),
    Metric(
        "fid_pytorch_fid",
        "FID (pytorch-fid)",
        "distance",
        "lower",
        ("inception",),
        f"{_DEFINITION} Frames are resized without antialiasing, as pytorch-fid does.",
        "Heusel et al. 2017; pytorch-fid 0.3's preprocessing, TensorFlow's Inception of 2015-12-05",
        settings="299×299 bilinear without antialiasing, 2x/255 - 1; frames as decoded, all of them",
        of="set",
    ),
)


class Fid(Measure):
    """The features of every frame of both sides; one network, two preprocessings."""

    def __init__(self, given: Given) -> None:
        from models.perception.checkpoints import load

        self.network = load("inception", given.weights["inception"])
        self.rows: dict[str, list[np.ndarray]] = {}
        self.batches = {side: Batches(partial(self._take_in, side)) for side in ("generated", "reference")}

    def update(self, generated: np.ndarray, reference: np.ndarray | None) -> None:
        self.batches["generated"].add(generated)
        if reference is not None:
            self.batches["reference"].add(reference)

    def _take_in(self, side: str, frames: np.ndarray) -> None:
        from models.perception.inception import features

        for name, preprocessing in PREPROCESSINGS.items():
            self.rows.setdefault(f"{name}.{side}", []).append(features(self.network, frames, preprocessing))

    def result(self) -> dict[str, Value]:
        for batches in self.batches.values():
            batches.finish()
        if not self.rows:
            raise NotComputed("no frame")
        return {}

    def features(self) -> dict[str, np.ndarray]:
        return {name: np.concatenate(rows) for name, rows in self.rows.items()}


def measure(given: Given) -> Fid:
    """Reads the frames of both sides, each at its own size."""
    return Fid(given)
