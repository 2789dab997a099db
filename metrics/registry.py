"""Every metric: each described in its own file, collected here in the order of the table's columns.

The table, the report and the scoring read names, units and needs here. The files' conventions: `metrics.accumulate`.
"""

from metrics import landmark_distance, mouth, psnr, ssim
from metrics.metric import Metric

FROM_FRAMES = (psnr, ssim)
"""Files with a `measure`: one pass over the frames serves them all."""
AFTERWARDS = (landmark_distance, mouth)
"""Files with a `compute`: for them the landmarks of all frames are known."""

METRICS: tuple[Metric, ...] = tuple(metric for file in (*FROM_FRAMES, *AFTERWARDS) for metric in file.METRICS)
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
