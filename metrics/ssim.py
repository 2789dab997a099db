"""Structural similarity, -1 to 1, higher is better (specs/metrics.md section 3; Wang et al. 2004).

`ssim` is the one to report. The others are what scripts in the wild compute; they are here so that a published value
can be recognised, and differ too much to be compared with it (0.86 for 0.73 on one picture).
All take uint8 RGB frames (H, W, 3) of one size, at least 11 pixels each way.
"""

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from metrics.measure import FrameMean, MetricInputs
from metrics.metric import Metric

METRICS = (
    Metric(
        name="ssim",
        title="SSIM",
        unit="-1..1",
        direction="higher",
        needs=("reference",),
        definition="Structural similarity: Gaussian window 11×11 (sigma 1.5), k1 0.01, k2 0.03, range 255, population covariance, "
        "border of 5 pixels left out, mean over RGB and over frames.",
        source="Wang et al. 2004; scikit-image structural_similarity",
        settings="gaussian 11×11, sigma 1.5, population covariance, data range 255",
        size_dependent=True,
    ),
)


SIGMA, BORDER = 1.5, 5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def measure(inputs: MetricInputs) -> FrameMean:
    """Reads pairs of frames."""
    return FrameMean("ssim", ssim)


def ssim(reference: np.ndarray, generated: np.ndarray) -> float:
    """The original definition: Gaussian window 11×11 of sigma 1.5, population covariance, border of 5 left out, mean
    over channels. The same numbers as `ssim_gaussian`, in half the time."""
    x, y = reference.astype(np.float64), generated.astype(np.float64)

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (2 * BORDER + 1,) * 2, SIGMA)[BORDER:-BORDER, BORDER:-BORDER]

    mean_x, mean_y = mean(x), mean(y)
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    covariance, variances = mean(x * y) - product, mean(x**2 + y**2) - squares
    return float(((2 * product + C1) * (2 * covariance + C2) / ((squares + C1) * (variances + C2))).mean())


def ssim_gaussian(reference: np.ndarray, generated: np.ndarray) -> float:
    """The same by scikit-image."""
    return float(
        structural_similarity(
            reference,
            generated,
            gaussian_weights=True,
            sigma=SIGMA,
            use_sample_covariance=False,
            data_range=255,
            channel_axis=-1,
        )
    )


def ssim_uniform(reference: np.ndarray, generated: np.ndarray) -> float:
    """scikit-image's defaults: flat window 7×7, sample covariance."""
    return float(structural_similarity(reference, generated, data_range=255, channel_axis=-1))


def ssim_uniform_gray(reference: np.ndarray, generated: np.ndarray) -> float:
    """scikit-image's defaults on OpenCV's 8-bit grey pictures; clearly higher than on colour."""
    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (reference, generated)]
    return float(structural_similarity(*gray, data_range=255))


def ssim_torchmetrics(reference: np.ndarray, generated: np.ndarray) -> float:
    """torchmetrics' defaults, in float64: the same Gaussian, edges mirrored, no border left out."""
    import torch  # seconds; the workflow's scoring does not need it
    from torchmetrics.functional.image import structural_similarity_index_measure

    batch = [torch.from_numpy(frame).permute(2, 0, 1)[None].double() for frame in (generated, reference)]
    return structural_similarity_index_measure(*batch, data_range=255.0).item()
