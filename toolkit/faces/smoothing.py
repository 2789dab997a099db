"""Landmarks smoothed in time."""

from itertools import pairwise

import numpy as np

from toolkit.faces.geometry import inter_ocular

_JUMP = 0.5  # of the inter-ocular distance: a face that moves so far in one frame has been cut to, not followed


def smooth(points: np.ndarray, sigma_frames: float, ok: np.ndarray) -> np.ndarray:
    """Gaussian in time over landmarks (T, 68, 2); `sigma_frames` 0 leaves them as they are.

    ok: (T,) bool. Each unbroken run of seen frames is smoothed on its own, so that nothing is carried over a gap or a
    cut (a jump of the whole face); frames in which the face was not seen stay as they are.
    """
    if sigma_frames <= 0:
        return points
    from scipy.ndimage import gaussian_filter1d

    smoothed = points.astype(np.float64)
    for run in runs(points, np.asarray(ok, dtype=bool)):
        smoothed[run] = gaussian_filter1d(smoothed[run], sigma_frames, axis=0, mode="nearest")
    return smoothed.astype(points.dtype)


def running_mean(values: np.ndarray, window: int, where: str = "centred") -> np.ndarray:
    """For each frame of `values` (T, ...) the mean over `window` frames, the next odd number if even.

    The window lies around the frame (`centred`), narrower towards the clip's ends, so that a steady motion stays where
    it is; or it begins with the frame (`forward`), and the last frames share the last window. A clip shorter than that
    is one window.
    """
    count = len(values)
    window, frame = min(window | 1, count), np.arange(count)
    if where == "forward":
        first = frame.clip(max=count - window)
        last = first + window
    else:
        half = np.minimum(np.minimum(frame, frame[::-1]), window // 2)
        first, last = frame - half, frame + half + 1
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)])
    return (sums[last] - sums[first]) / (last - first).reshape(-1, *[1] * (values.ndim - 1))


def runs(points: np.ndarray, ok: np.ndarray) -> list[slice]:
    """The stretches of frames in which the face is seen (`ok`) and moves without a jump."""
    moved = np.linalg.norm(np.diff(points.mean(1), axis=0), axis=-1)
    goes_on = ok[1:] & ok[:-1] & (moved <= _JUMP * inter_ocular(points)[:-1])
    edges = [0, *(np.flatnonzero(~goes_on) + 1).tolist(), len(ok)]
    return [slice(first, last) for first, last in pairwise(edges) if last > first and ok[first]]
