"""Speech around video frames as DiffTalk takes it: for every frame 8 neighbouring windows of 16 half-frames (specification,
sections 5.5 and 6).

Windows overlap: kept as files they would be 64 times the rows that they are cut from, so they are cut when they are needed,
from features of any width. Features that hold windows, 16 rows for each frame, are taken as they are.
"""

from collections.abc import Sequence

import numpy as np

from models.speech.rows import rows_per_frame

ROWS = 16  # half-frames in a window
NEIGHBOURS = 8  # windows for a frame
_BEFORE = 3  # of them before the frame's own


def windows(rows: np.ndarray, chosen: np.ndarray | Sequence[int], each: int = 2) -> np.ndarray:
    """Windows by the numbers of their video frames: (rows, width) -> (..., 16, width) for `chosen` (...).

    Of `each` 2 rows a frame, window k has rows 2k - 8 .. 2k + 7, zeros beyond the ends; of 1, every row twice. The last row is
    zeros too, as it is in the published features: it lies in the windows of the last 4 frames.
    """
    places = 2 * np.asarray(chosen)[..., None] + np.arange(-ROWS // 2, ROWS // 2)
    inside = (places >= 0) & (places < len(rows) * 2 // each - 1)
    return np.where(inside[..., None], rows[(places * each // 2).clip(0, len(rows) - 1)], rows.dtype.type(0))


def neighbours(chosen: np.ndarray | Sequence[int], frames: int) -> np.ndarray:
    """The 8 of `frames` video frames whose windows belong to each of the chosen ones: (n,) -> (n, 8).

    k - 3 .. k + 4; towards the ends the first and the last 8. A shorter clip repeats its last frame (published: an error).
    """
    start = (np.asarray(chosen) - _BEFORE).clip(0, max(frames - NEIGHBOURS, 0))
    return np.minimum(start[..., None] + np.arange(NEIGHBOURS), frames - 1)


def speech_windows(features: np.ndarray, chosen: np.ndarray | Sequence[int], frames: int) -> np.ndarray:
    """What the audio encoder takes for the chosen ones of a clip's `frames` video frames: (n, 8, 16, width) float32.

    features: memory-mapped or not, first axis time; two rows of numbers for a frame, or one; or windows ready-made, one for a
    frame, (frames, 16, width), or 8 of them, (frames, 8, 16, width)
    Raises InputError where there are neither one nor two rows a frame.
    """
    each, chosen = rows_per_frame(features, frames), np.asarray(chosen)
    near = neighbours(chosen, frames)
    if each == 1 and features.shape[1:-1] == (NEIGHBOURS, ROWS):
        found = features[np.minimum(chosen, len(features) - 1)]
    elif each == 1 and features.shape[1:-1] == (ROWS,):
        found = features[np.minimum(near, len(features) - 1)]
    else:
        found = windows(features[: each * frames].reshape(min(len(features), each * frames), -1), near, each)
    return np.asarray(found, np.float32)


def has_context(windows: np.ndarray) -> bool:
    """Whether windows (..., 16, width) hold more than one row that is not zeros: those of sound cut into single frames, as
    users' scripts make them, do not."""
    return np.count_nonzero(windows.any(axis=(*range(windows.ndim - 2), -1))) > 1
