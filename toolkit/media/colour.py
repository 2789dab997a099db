"""Decoded pictures as RGB: which colour matrix a video means, and an exact conversion."""

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation

EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""Rounded, not truncated: the quick conversion darkens a picture by a step or two each time it is read."""

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_HIGHEST_SD = 576  # lines; untagged videos are BT.601 up to here and BT.709 above, as players take them


def untagged_matrix(height: int) -> Colorspace:
    """The colour matrix of a video of so many lines that does not name its own."""
    return Colorspace.ITU601 if height <= _HIGHEST_SD else Colorspace.ITU709


def to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """A decoded picture as (H, W, 3) uint8 RGB, upright."""
    # One thread: a picture's converter lives as long as the picture, and its threads would not survive a fork.
    tagged = frame.colorspace != _UNSPECIFIED
    matrix = frame.colorspace if tagged else untagged_matrix(frame.height)
    rgb = frame.to_ndarray(format="rgb24", src_colorspace=matrix, interpolation=EXACT, threads=1)
    return np.ascontiguousarray(np.rot90(rgb, frame.rotation // 90)) if frame.rotation else rgb
