"""Every metric: each described in its own file, collected here in the order of the table's columns.

The table, the report and the scoring read names, units and needs here. The files' conventions: `metrics.measure`.
"""

from metrics import (
    blinks,
    cpbd,
    csim,
    fid,
    fvd,
    landmark_distance,
    lpips,
    lse,
    mouth,
    niqe,
    psnr,
    smoothness,
    ssim,
    syncnet_tracks,
    wer,
)
from metrics.metric import Metric

FROM_FRAMES = (psnr, ssim, lpips, csim, niqe, cpbd, fid, fvd, lse, syncnet_tracks, smoothness)
"""Files with a `measure`: one pass over the frames serves them all."""
AFTERWARDS = (landmark_distance, mouth, blinks, wer)
"""Files with a `compute`: for them the landmarks of all frames are known."""

FILES = (*FROM_FRAMES, *AFTERWARDS)

METRICS: tuple[Metric, ...] = tuple(metric for file in FILES for metric in file.METRICS)
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
