"""What is measured: one entry per metric, in the order of the table's columns.

The table, the report and the scoring read names, units and needs here and nowhere else. What a metric needs is named by
a key of `scoring.score`'s availability map; when the need is not met, the metric is left out with the need's reason.
"""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "neutral"]


class NotComputed(Exception):
    """A value that does not exist for this pair; the text is the reason, as the report prints it."""


@dataclass(frozen=True)
class Metric:
    """One column of the table: `definition` and `source` are sentences for the reader of the report."""

    name: str
    title: str
    unit: str
    direction: Direction
    needs: tuple[str, ...]
    definition: str
    source: str

    @property
    def arrow(self) -> str:
        return {"higher": "↑", "lower": "↓", "neutral": "≈"}[self.direction]


_PIXELS = "px of 256"
_LANDMARKS = ("reference", "generated landmarks", "reference landmarks")
_CHEN = "Chen et al. 2018 (LMD); points and normalisation as in specs/metrics.md section 13"
_OPENING = "specs of the synthetic talkers; opening = gap between the inner lips (62, 66) over the outer-eye distance"

METRICS: tuple[Metric, ...] = (
    Metric(
        "psnr",
        "PSNR",
        "dB",
        "higher",
        ("reference",),
        "10·log10(255² / mean squared difference) of each frame over all pixels and RGB together, mean over frames. "
        "Frames equal to the reference's (infinite) are left out and counted.",
        "scikit-image peak_signal_noise_ratio",
    ),
    Metric(
        "ssim",
        "SSIM",
        "-1..1",
        "higher",
        ("reference",),
        "Structural similarity: Gaussian window 11×11 (sigma 1.5), k1 0.01, k2 0.03, range 255, population covariance, "
        "border of 5 pixels left out, mean over RGB and over frames.",
        "Wang et al. 2004; scikit-image structural_similarity",
    ),
    Metric(
        "f_lmd",
        "F-LMD",
        _PIXELS,
        "lower",
        _LANDMARKS,
        "Mean distance between corresponding landmarks, all 68 points, frames scaled to 256×256.",
        _CHEN,
    ),
    Metric("m_lmd", "M-LMD", _PIXELS, "lower", _LANDMARKS, "The same over the mouth's points 48 to 67.", _CHEN),
    Metric(
        "f_lmd_centred",
        "F-LMD centred",
        _PIXELS,
        "lower",
        _LANDMARKS,
        "F-LMD after each frame's own mean of the points is taken off: shape without position.",
        _CHEN,
    ),
    Metric(
        "m_lmd_centred",
        "M-LMD centred",
        _PIXELS,
        "lower",
        _LANDMARKS,
        "M-LMD after each frame's own mean of the mouth's points is taken off.",
        _CHEN,
    ),
    Metric(
        "mouth_over_eye_distance",
        "M-LMD / eyes",
        "eye distances",
        "lower",
        _LANDMARKS,
        "Each frame's mouth distance over the reference's distance between its eye centres: free of picture size.",
        _CHEN,
    ),
    Metric(
        "mouth_width_error",
        "Mouth width error",
        _PIXELS,
        "lower",
        _LANDMARKS,
        "Mean absolute difference of the distance between the mouth's corners (48, 54).",
        _CHEN,
    ),
    Metric(
        "mouth_opening_error",
        "Mouth opening error",
        _PIXELS,
        "lower",
        _LANDMARKS,
        "Mean absolute difference of the gap between the inner lips (62, 66).",
        _CHEN,
    ),
    Metric(
        "mouth_correlation",
        "Mouth correlation",
        "Pearson r",
        "higher",
        ("generated landmarks", "speech opening"),
        "Correlation over frames of the generated mouth's opening with that in the clip that the speech is from. "
        "Left out for a mouth that does not move.",
        _OPENING,
    ),
    Metric(
        "mouth_spread",
        "Mouth spread",
        "ratio",
        "neutral",
        ("generated landmarks", "speech opening"),
        "Standard deviation of the generated opening over that in the speech's own clip: 1 is as lively as the truth, "
        "under 0.5 is mumbling, 0 a held mouth.",
        _OPENING,
    ),
    Metric(
        "mouth_correlation_video",
        "Mouth correlation, picture",
        "Pearson r",
        "neutral",
        ("generated landmarks", "video opening"),
        "The control of crossed pairs: correlation with the opening in the clip that the picture is from. It should be "
        "far below the mouth correlation; where it is not, the mouth is copied instead of following speech.",
        _OPENING,
    ),
)

BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
