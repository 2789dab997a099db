"""Landmarks smoothed in time."""

import numpy as np
from scipy.ndimage import gaussian_filter1d


def smooth(
    points: np.ndarray, sigma_frames: float, ok: np.ndarray | None = None, cuts: np.ndarray | None = None
) -> np.ndarray:
    """Gaussian in time over (T, ...) tracks; `sigma_frames` 0 leaves them as they are.

    ok: (T,) bool. Runs of seen frames are smoothed each on its own, so that nothing is carried over a gap; frames that were not
    seen stay as they are. cuts: frame numbers at which a new run begins although the face is seen (scene cuts).
    """
    if sigma_frames <= 0:
        return points
    seen = np.ones(len(points), dtype=bool) if ok is None else np.asarray(ok, dtype=bool)
    begins = seen & ~np.concatenate([[False], seen[:-1]])
    if cuts is not None:
        begins[np.asarray(cuts, dtype=int)] = True
    run = np.cumsum(begins)
    smoothed = np.array(points, dtype=np.float64)
    for number in np.unique(run[seen]):
        frames = seen & (run == number)
        smoothed[frames] = gaussian_filter1d(smoothed[frames], sigma_frames, axis=0, mode="nearest")
    return smoothed.astype(points.dtype)
