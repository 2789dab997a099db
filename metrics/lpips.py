"""LPIPS, the learnt distance of frames, from 0, lower is better (specs/metrics.md section 4; Zhang et al. 2018)."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from metrics.batches import Batches
from metrics.measure import Measure, MetricInputs, Value
from metrics.metric import Metric, NotComputed

MIN_SIDE = 64
"""Pixels; smaller pictures are too small for the strides of AlexNet to mean anything."""

NETWORKS = {"lpips": "lpips_alex", "lpips_vgg": "lpips_vgg"}
"""The network of each metric."""

METRICS = tuple(
    Metric(
        name=name,
        title=title,
        unit="distance",
        direction="lower",
        needs=("reference", NETWORKS[name]),
        definition=f"Distance of the {trunk} features of the generated and the reference frame, learnt from people's judgement "
        f"(v0.1), mean over frames.{remark}",
        source="Zhang et al. 2018; own network, weights as published",
        settings=f"{trunk}, v0.1, frames at the reference's size, scaled to -1..1",
        size_dependent=True,
    )
    for name, title, trunk, remark in (
        ("lpips", "LPIPS", "AlexNet", ""),
        ("lpips_vgg", "LPIPS (VGG)", "VGG-16", " Larger than with AlexNet; papers do not say which they use."),
    )
)


class Lpips(Measure):
    """The mean over frames, by each of the trunks whose weights (by metric name) are given."""

    def __init__(self, weights: Mapping[str, Path]) -> None:
        from models.perception.checkpoints import load

        self.networks = {name: load(NETWORKS[name], path) for name, path in weights.items()}
        self.totals = dict.fromkeys(weights, 0.0)
        self.count, self.shape = 0, (0, 0)
        self.batches = Batches(self._compare)

    def update(self, generated: np.ndarray, reference: np.ndarray) -> None:
        self.shape = reference.shape[:2]
        if min(self.shape) >= MIN_SIDE:
            self.batches.add(reference, generated)

    def _compare(self, reference: np.ndarray, generated: np.ndarray) -> None:
        from models.perception.lpips import distances

        for name, network in self.networks.items():
            self.totals[name] += float(distances(network, reference, generated).sum(dtype=np.float64))
        self.count += len(reference)

    def result(self) -> dict[str, Value]:
        self.batches.finish()
        if self.count == 0 and any(self.shape):
            raise NotComputed(f"pictures of {self.shape[1]}×{self.shape[0]} are too small, it takes {MIN_SIDE}")
        if self.count == 0:
            raise NotComputed("no frame to compare")
        return {name: total / self.count for name, total in self.totals.items()}


def measure(inputs: MetricInputs) -> Lpips:
    """Reads pairs of frames."""
    return Lpips({name: inputs.weights[network] for name, network in NETWORKS.items() if network in inputs.weights})
