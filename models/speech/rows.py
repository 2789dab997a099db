"""Rows of speech features beside video frames: one or two of them belong to each frame."""

import numpy as np

from toolkit.errors import InputError

SLACK = 5  # rows by which features may miss the pictures that they belong to


def rows_per_frame(features: np.ndarray, frames: int) -> int:
    """1 or 2: how many rows of `features` (first axis time) belong to each of `frames` video frames, up to 5 rows more or
    less; InputError where neither."""
    rows = min((1, 2), key=lambda rows: abs(len(features) - rows * frames))
    if not len(features) or abs(len(features) - rows * frames) > SLACK:
        problem = f"{len(features)} rows belong neither once nor twice to each of {frames} video frames"
        raise InputError(origin(features), problem, "Delete the file and let the workflow make it again")
    return rows


def check_shape(features: np.ndarray, given: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Refuse features of another encoder than that of the weights, by the shape of a frame's values."""
    if given != expected:
        shapes = [" x ".join(map(str, shape)) for shape in (given, expected)]
        problem = f"{shapes[0]} values a frame, but the weights were trained on {shapes[1]}"
        raise InputError(origin(features), problem, "Set `speech` to the encoder of these weights, or train others")


def origin(features: np.ndarray) -> str:
    """The file that features are mapped from."""
    return str(getattr(features, "filename", None) or "speech features")
