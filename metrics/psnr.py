"""Peak signal-to-noise ratio in dB, higher is better (specs/metrics.md section 2)."""

import math

import numpy as np
from skimage.metrics import peak_signal_noise_ratio

from metrics.measure import FrameMean, MetricInputs
from metrics.metric import Metric

METRICS = (
    Metric(
        name="psnr",
        title="PSNR",
        unit="dB",
        direction="higher",
        needs=("reference",),
        definition="10·log10(255² / mean squared difference) of each frame over all pixels and RGB together, mean over frames. "
        "Frames equal to the reference's (infinite) are left out and counted.",
        source="scikit-image peak_signal_noise_ratio",
        size_dependent=True,
    ),
)


class Psnr(FrameMean):
    """The mean over frames of `psnr`."""

    def counts(self) -> dict[str, int]:
        return super().counts() | {"frames_equal_to_reference": self.infinite}


def measure(inputs: MetricInputs) -> Psnr:
    """Reads pairs of frames."""
    return Psnr("psnr", psnr)


def psnr(reference: np.ndarray, generated: np.ndarray) -> float:
    """10·log10(255² / mean squared difference) over every pixel and channel of two uint8 arrays of one shape.

    Of a frame (H, W, 3): the value whose mean over frames is reported. Of a whole clip (T, H, W, 3): the pooled value,
    which is never higher and is not what papers report. Equal arrays give infinity.
    """
    if np.array_equal(reference, generated):  # scikit-image gives infinity too, after a division by zero
        return math.inf
    return float(peak_signal_noise_ratio(reference, generated, data_range=255))
