"""Speech as the network hears it: one embedding for every video frame, of any width (specification, section 3.4).

The published embeddings are 256 numbers a frame, made by `audio_encoder.py` or by the user. Encoders that speak twice a
frame (mel; Whisper, which the authors recommend) have both of their rows averaged or laid end to end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.errors import InputError
from toolkit.log import logger

SLACK = 5  # rows by which features may miss the pictures that they belong to
SUFFIXES = (".npy", ".safetensors", ".pth")


@dataclass(frozen=True)
class Embeddings:
    """(frames, width) numbers, read from the features where they are asked for: `embeddings[numbers]` is float32."""

    features: np.ndarray
    shape: tuple[int, int]
    rows: int
    pooling: str

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def origin(self) -> str:
        """The file that the features are mapped from."""
        return _origin(self.features)

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
    subject = _origin(features)
    rows = min((1, 2), key=lambda rows: abs(len(features) - rows * frames))
    if not len(features) or abs(len(features) - rows * frames) > SLACK:
        problem = f"{len(features)} rows belong neither once nor twice to each of {frames} video frames"
        raise InputError(subject, problem, "Delete the file and let the workflow make it again")
    if features.ndim not in (2, 3):
        raise InputError(subject, f"has {features.ndim} axes", "Use features (T, width) or (T, layers, width)")
    width = features.shape[-1] * (rows if pooling == "concatenation" else 1)
    return Embeddings(features, (frames, width), rows, pooling)


def _origin(features: np.ndarray) -> str:
    return str(getattr(features, "filename", None) or "speech features")


def find_supplied(folder: str | Path, clip: str) -> Path:
    """The user's own embeddings of a clip: `{clip}.npy`, `.safetensors` or `.pth` in a folder of theirs."""
    paths = [Path(folder, clip + suffix) for suffix in SUFFIXES]
    for path in paths:
        if path.is_file():
            return path
    names = ", ".join(path.name for path in paths)
    raise InputError(folder, f"holds none of {names}", "Put the clip's embeddings there, or set `embeddings: null`")


def read_supplied(path: str | Path, frames: int) -> np.ndarray:
    """The user's own embeddings of a clip of `frames` video frames: (frames, width) float32.

    Up to 5 missing rows are filled with the last one; what goes on after the pictures is cut, as published.
    """
    rows = check_supplied(path, frames)
    if len(rows) != frames:
        logger.warning("%s: %d rows for %d video frames, %s", path, len(rows), frames, _mended(len(rows), frames))
    return np.pad(rows[:frames], [(0, max(frames - len(rows), 0)), (0, 0)], mode="edge")


def check_supplied(path: str | Path, frames: int | None) -> np.ndarray:
    """What the file holds, (F, width) float32, where that can belong to a clip of `frames` video frames.

    The file holds one array, as `.npy`, or as a tensor in `.safetensors` or `.pth`, read without running anything.
    Raises InputError for anything else and, unless `frames` is not known yet (None), where more than 5 rows are missing
    or F is nearer to two rows a frame than to one.
    """
    rows = _array(Path(path))
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.floating):
        problem = f"holds {rows.dtype} numbers of shape {rows.shape}"
        raise InputError(path, problem, "Give one row of floats for every video frame: (frames, width)")
    if not len(rows) or not (frames is None or frames - SLACK <= len(rows) < 1.5 * frames + SLACK):
        problem = f"has {len(rows)} rows, where the clip has {frames or 'some'} video frames"
        raise InputError(path, problem, "Give one row for every frame at 25 frames a second")
    rows = rows.astype(np.float32, copy=False)
    if not np.isfinite(rows).all():
        raise InputError(path, "holds numbers that are not finite", "Make the embeddings again")
    return rows


def _mended(rows: int, frames: int) -> str:
    return "the rest is left out" if rows > frames else "the last is repeated"


def _array(path: Path) -> np.ndarray:
    if path.suffix != ".npy":
        from models.checkpoints import read_tensor

        tensor = read_tensor(path)
        return (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, f"cannot be read as an array ({error})", "Save it with numpy.save") from error
