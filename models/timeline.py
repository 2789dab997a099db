"""Which source frame stands behind each output frame, when speech and video differ in length."""

import numpy as np


def extend_indices(source_frames: int, length: int, beyond: str = "ping_pong") -> np.ndarray:
    """(length,) source indices: 0, 1, 2, ... and, past the end, back and forth, round again, or the last frame held.

    `beyond` is `ping_pong` (..., n-2, n-1, n-2, ..., 1, 0, 1, ...), `loop` or `hold`. A source longer than `length`
    is cut.
    """
    index = np.arange(length)
    if beyond == "hold":
        return np.minimum(index, source_frames - 1)
    if beyond == "loop":
        return index % source_frames
    if beyond == "ping_pong":
        period = max(2 * (source_frames - 1), 1)
        return np.minimum(index % period, -index % period) if source_frames > 1 else np.zeros(length, int)
    raise ValueError(f"beyond must be ping_pong, loop or hold, not {beyond!r}")
