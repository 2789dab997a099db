"""OFM and F-MSE, how much a video moves from frame to frame; as much as the real one does is best (specs/metrics.md section
10; Diffused Heads, appendix A).

Frames are brought to 128×128 first. The paper defines OFM as the mean length of the optical flow in pixels and F-MSE as the
mean squared difference of frames; its script computes something else, from which its table comes. Both are here by their own
names: `ofm` and `f_mse` as defined, `ofm_published` and `f_mse_published` to be held against the paper's table alone. The
latter OFM is a matter of how motion is spread over the picture and not of how much there is (42.7 for none at all), the
latter F-MSE wraps around at 256 and so under-counts large changes.
"""

from functools import lru_cache

import cv2
import numpy as np

from metrics.measure import Measure, MetricInputs, Value
from metrics.metric import Metric, NotComputed

SIZE = 128
FARNEBACK = {
    "pyr_scale": 0.5,
    "levels": 7,
    "winsize": 5,
    "iterations": 15,
    "poly_n": 5,
    "poly_sigma": 1.2,
    "flags": 0,
}

_PAPER = "Stypułkowski et al. 2024 (Diffused Heads), appendix A"
_SCRIPT = "smoothness_eval.py of Diffused Heads, for comparison with its table alone"
_RESIZED = f"frames resized to {SIZE}×{SIZE} bilinearly"
_FLOW = f"{_RESIZED}; Farnebäck's flow with the published settings"
METRICS = (
    Metric(
        name="ofm",
        title="OFM",
        unit=f"px of {SIZE} a frame",
        direction="neutral",
        needs=(),
        definition="Mean length of the optical flow between consecutive frames. The nearer to the real clip's the better.",
        source=_PAPER,
        settings=_FLOW,
    ),
    Metric(
        name="f_mse",
        title="F-MSE",
        unit="levels²",
        direction="neutral",
        needs=(),
        definition="Mean squared difference of consecutive frames. The nearer to the real clip's the better.",
        source=_PAPER,
        settings=_RESIZED,
    ),
    Metric(
        name="ofm_published",
        title="OFM, as published",
        unit="levels of a colour map",
        direction="neutral",
        needs=(),
        definition="Mean byte of the flow's length, scaled to 0..255 for each pair of frames by itself and coloured: how motion is "
        "spread, not how much there is; 42.7 without any.",
        source=_SCRIPT,
        settings=_FLOW,
    ),
    Metric(
        name="f_mse_published",
        title="F-MSE, as published",
        unit="levels²",
        direction="neutral",
        needs=(),
        definition="Mean squared difference of consecutive frames, difference and square modulo 256.",
        source=_SCRIPT,
        settings=_RESIZED,
    ),
)


class Spread:
    """Mean and population deviation of all values of the arrays that stream by."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, 0.0, 0.0

    def update(self, values: np.ndarray) -> None:
        self.count += values.size
        self.total += float(values.sum(dtype=np.float64))
        self.squares += float(np.square(values, dtype=np.float64).sum())

    @property
    def mean(self) -> float:
        return self.total / self.count

    @property
    def deviation(self) -> float:
        return float(np.sqrt(max(self.squares / self.count - self.mean**2, 0)))


class Smoothness(Measure):
    """All four, each the mean over pairs of consecutive frames; `spreads` has them by name."""

    def __init__(self) -> None:
        self.spreads = {metric.name: Spread() for metric in METRICS}
        self.previous: np.ndarray | None = None
        self.flow = lru_cache(maxsize=1)(_flow)  # a held picture's frames are all equal

    def update(self, generated: np.ndarray, reference: np.ndarray | None) -> None:
        frame = cv2.resize(generated, (SIZE, SIZE))
        if self.previous is not None:
            length = np.linalg.norm(self.flow(self.previous.tobytes(), frame.tobytes(), frame.shape), axis=-1)
            self.spreads["ofm"].update(length)
            self.spreads["ofm_published"].update(coloured(length))
            self.spreads["f_mse"].update((frame.astype(np.float64) - self.previous) ** 2)
            self.spreads["f_mse_published"].update((frame - self.previous) ** 2)  # uint8: both wrap around
        self.previous = frame

    def result(self) -> dict[str, Value]:
        if self.spreads["ofm"].count == 0:
            raise NotComputed("fewer than two frames")
        return {name: spread.mean for name, spread in self.spreads.items()}


def measure(inputs: MetricInputs) -> Smoothness:
    """Reads the generated frames."""
    return Smoothness()


def flow(previous: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Farnebäck's optical flow from one uint8 RGB frame (H, W, 3) to the next: (H, W, 2) float32 pixels, x and y."""
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (previous, frame)]
    return cv2.calcOpticalFlowFarneback(*grey, None, **FARNEBACK)


def _flow(previous: bytes, frame: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """`flow` of frames as bytes, which a cache can compare."""
    return flow(*(np.frombuffer(pixels, np.uint8).reshape(shape) for pixels in (previous, frame)))


def coloured(length: np.ndarray) -> np.ndarray:
    """The picture whose mean the published script takes: lengths (H, W) from least to most as the jet map's colours."""
    levels = cv2.normalize(length, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return cv2.applyColorMap(levels, cv2.COLORMAP_JET)
