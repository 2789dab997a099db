"""NIQE, how far a picture's statistics are from natural pictures', from 0, lower is better (specs/metrics.md section 5;
Mittal et al. 2013).

The authors' definition, as in BasicSR and the LIVE release. It has no reference but 36 means and their covariance over
natural pictures, the authors' own (`niqe_pris_params.npz`): other parameters give other values, 8 or 51 on one picture.
Two of its 96-pixel blocks are needed; a 256-pixel picture has four, so that its value is rough; none is enlarged.
"""

from pathlib import Path

import cv2
import numpy as np
from scipy.special import gamma

from metrics.measure import FrameMean, MetricInputs
from metrics.metric import Metric, NotComputed

BLOCK = 96
"""Pixels of a block's side; half of it at the second scale."""

METRICS = (
    Metric(
        name="niqe",
        title="NIQE",
        unit="distance",
        direction="lower",
        needs=("niqe",),
        definition="Distance of 36 statistics of the frame's 96-pixel blocks from those of natural pictures, mean over frames. Rough for "
        "pictures of few blocks (256×256 has four), not defined below two.",
        source="Mittal et al. 2013; own code after BasicSR's definition, the authors' parameters",
        settings="luma of BT.601 in 16..235, blocks of 96 from the top left, two scales, frames as decoded, not resized",
        size_dependent=True,
    ),
)

_SIGMA = 7 / 6
_HALVING = 8
"""Taps of the bicubic kernel stretched twofold."""
_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
_SHAPES = np.arange(0.2, 10.001, 0.001)
_RATIOS = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))  # rises with the shape


def measure(inputs: MetricInputs) -> FrameMean:
    """Reads the generated frames."""
    model = read_model(inputs.weights["niqe"])
    return FrameMean("niqe", lambda _, generated: niqe(generated, *model))


def read_model(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean (36,) and covariance (36, 36) over natural pictures from the converted file."""
    from safetensors.numpy import load_file

    arrays = load_file(path)
    return arrays["mu_pris_param"].ravel(), arrays["cov_pris_param"]


def niqe(frame: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    """The distance of one uint8 RGB frame (H, W, 3) from the model; `NotComputed` under two blocks with statistics."""
    height, width = frame.shape[:2]
    if (height // BLOCK) * (width // BLOCK) < 2:
        raise NotComputed(f"a frame of {width}×{height} has fewer than two blocks of {BLOCK}×{BLOCK} pixels")
    found = features(luma(frame))
    found = found[~np.isnan(found).any(axis=1)]
    if len(found) < 2:
        raise NotComputed("a frame has fewer than two blocks with any texture")
    away = mean - found.mean(axis=0)
    pooled = (covariance + np.cov(found, rowvar=False)) / 2
    return float(np.sqrt(away @ np.linalg.pinv(pooled) @ away))


def luma(frame: np.ndarray) -> np.ndarray:
    """Y of BT.601 in 16..235, whole numbers as float64: (H, W, 3) uint8 RGB -> (H, W)."""
    return np.round(frame @ np.array([65.481, 128.553, 24.966]) / 255 + 16)


def features(picture: np.ndarray) -> np.ndarray:
    """18 features of each block at two scales: (H, W) -> (blocks, 36), NaN where a block has none."""
    height, width = (side - side % BLOCK for side in picture.shape)
    picture = picture[:height, :width]
    scales = ((picture, BLOCK), (halved(picture), BLOCK // 2))
    return np.concatenate([_block_features(_blocks(normalised(p), side)) for p, side in scales], axis=1)


def normalised(picture: np.ndarray) -> np.ndarray:
    """(x - mean) / (deviation + 1) under a Gaussian of 7×7 pixels, edges replicated."""
    taps = cv2.getGaussianKernel(7, _SIGMA)

    def smooth(values: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(values, -1, taps, taps, borderType=cv2.BORDER_REPLICATE)

    mean = smooth(picture)
    return (picture - mean) / (np.sqrt(np.abs(smooth(picture**2) - mean**2)) + 1)


def halved(picture: np.ndarray) -> np.ndarray:
    """The picture (even sides) at half its size as MATLAB's antialiased bicubic `imresize` gives it."""
    distance = np.abs(np.arange(_HALVING) - (_HALVING - 1) / 2) / 2
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    taps = np.where(distance <= 1, near, far)
    taps /= taps.sum()
    anchor = (_HALVING // 2 - 1,) * 2
    return cv2.sepFilter2D(picture, -1, taps, taps, anchor=anchor, borderType=cv2.BORDER_REFLECT)[::2, ::2]


def _blocks(picture: np.ndarray, side: int) -> np.ndarray:
    """(H, W) -> (blocks, side, side)."""
    height, width = picture.shape
    return picture.reshape(height // side, side, width // side, side).swapaxes(1, 2).reshape(-1, side, side)


def _block_features(blocks: np.ndarray) -> np.ndarray:
    """The shape and mean scale of each block's coefficients, and of their products with four neighbours shape, mean,
    left and right scale: (n, side, side) -> (n, 18)."""
    shape, left, right = generalised_gaussian(blocks)
    columns = [shape, (left + right) / 2]
    for shift in _SHIFTS:
        shape, left, right = generalised_gaussian(blocks * np.roll(blocks, shift, axis=(1, 2)))
        columns += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return np.stack(columns, axis=1)


def generalised_gaussian(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shape, left and right scale, each (n,), of asymmetric generalised Gaussians fitted by moments to values (n, ...);
    NaN where one has no values on either side of 0."""
    values = values.reshape(len(values), -1)
    square, negative, positive = values**2, values < 0, values > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.sqrt((square * negative).sum(axis=1) / negative.sum(axis=1))
        right = np.sqrt((square * positive).sum(axis=1) / positive.sum(axis=1))
        skew = left / right
        ratio = np.abs(values).mean(axis=1) ** 2 / square.mean(axis=1)
        ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = np.where(np.isnan(ratio), np.nan, _SHAPES[_nearest(ratio)])
    spread = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * spread, right * spread


def _nearest(ratio: np.ndarray) -> np.ndarray:
    """Index of the shape on the grid whose ratio is nearest."""
    above = np.searchsorted(_RATIOS, ratio).clip(1, len(_RATIOS) - 1)
    return above - (ratio - _RATIOS[above - 1] <= _RATIOS[above] - ratio)
