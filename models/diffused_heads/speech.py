"""Speech as the network takes it: one embedding for every video frame, of any width (specification, section 3.4).

The published embeddings are 256 numbers a frame (`models.speech.sda`). Encoders with two rows a
frame (mel; Whisper, which the authors recommend) have both of their rows averaged or laid end to end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.speech.rows import origin, rows_per_frame
from toolkit.errors import InputError


@dataclass(frozen=True)
class Embeddings:
    """(frames, width) numbers, read from the features on demand: `embeddings[numbers]` is float32."""

    features: np.ndarray
    shape: tuple[int, int]
    rows: int
    pooling: str

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def origin(self) -> str:
        """The file that the features are mapped from."""
        return origin(self.features)

    def __getitem__(self, frames: int | slice | Sequence[int] | np.ndarray) -> np.ndarray:
        numbers = np.asarray(range(len(self))[frames] if isinstance(frames, slice) else frames, int)
        # Where the features end early their last row is repeated.
        places = np.minimum(self.rows * numbers[..., None] + np.arange(self.rows), len(self.features) - 1)
        read = self.features[places, -1] if self.features.ndim == 3 else self.features[places]
        read = np.asarray(read, np.float32)
        return read.mean(axis=-2) if self.pooling == "mean" else read.reshape(*numbers.shape, -1)


def embeddings(features: np.ndarray, frames: int, pooling: str) -> Embeddings:
    """An encoder's features as one embedding for each of `frames` video frames; nothing is read yet.

    features: (T, width), or (T, layers, width) of which the last layer counts; T is `frames` or twice that, up to 5 rows
    pooling: "mean" of a frame's two rows, or their "concatenation"
    Raises InputError where the features cannot belong to the frames.
    """
    rows = rows_per_frame(features, frames)
    if features.ndim not in (2, 3):
        raise InputError(origin(features), f"has {features.ndim} axes", "Use features (T, width) or (T, layers, width)")
    width = features.shape[-1] * (rows if pooling == "concatenation" else 1)
    return Embeddings(features, (frames, width), rows, pooling)
