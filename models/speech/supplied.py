"""Speech features of the user's own: a file for each clip, `{clip}.npy`, `.safetensors` or `.pth`, in a folder of theirs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.speech.rows import SLACK
from toolkit.errors import InputError
from toolkit.log import logger
from toolkit.speech import Recording, video_frames
from toolkit.timing import FPS

SUFFIXES = (".npy", ".safetensors", ".pth")


def extract(samples: Recording, entry: dict, source: Path) -> Iterator[np.ndarray]:
    """The rows of the user's file `source` for a recording, `entry["rate"]` a second, in one block."""
    yield read_supplied(source, video_frames(samples), entry["rate"])


def find_supplied(folder: str | Path, clip: str) -> Path:
    """The user's own features of a clip: `{clip}.npy`, `.safetensors` or `.pth` in a folder of theirs."""
    paths = [Path(folder, clip + suffix) for suffix in SUFFIXES]
    for path in paths:
        if path.is_file():
            return path
    names = ", ".join(path.name for path in paths)
    raise InputError(
        folder, f"holds none of {names}", "Put the clip's features there, or choose another `speech` entry"
    )


def supplied_files(folder: str | Path, clip: str) -> list[str]:
    """The user's own features of a clip, as a rule's input: none where there is no such file."""
    try:
        return [str(find_supplied(folder, clip))]
    except InputError:
        return []


def read_supplied(path: str | Path, frames: int, rate: int = FPS) -> np.ndarray:
    """The user's own features of a clip of `frames` video frames: (rows, ...) float32, one or two rows a frame by `rate`.

    Up to 5 missing rows are filled with the last one; what goes on after the pictures is cut.
    """
    array, rows = check_supplied(path, frames, rate), frames * rate // FPS
    if len(array) != rows:
        change = "the rest is left out" if len(array) > rows else "the last is repeated"
        logger.warning("%s: %d rows for %d video frames, %s", path, len(array), frames, change)
    padding = [(0, max(rows - len(array), 0)), *[(0, 0)] * (array.ndim - 1)]
    return np.pad(array[:rows], padding, mode="edge")


def check_supplied(path: str | Path, frames: int | None, rate: int = FPS) -> np.ndarray:
    """What the file holds, (rows, ...) float32 of two axes or more, where that can belong to a clip of `frames` video frames.

    The file holds one array, as `.npy`, or as a tensor in `.safetensors` or `.pth`, read without running anything.
    Raises InputError for anything else and, unless `frames` is not known yet (None), where more than 5 rows are missing
    or there are half as many again and more.
    """
    array = _array(Path(path))
    if array.ndim < 2 or not np.issubdtype(array.dtype, np.floating):
        problem = f"holds {array.dtype} numbers of shape {array.shape}"
        raise InputError(path, problem, "Give rows of floats, time first: (rows, width) or more axes")
    rows = frames and frames * rate // FPS
    if not len(array) or not (rows is None or rows - SLACK <= len(array) < 1.5 * rows + SLACK):
        problem = f"has {len(array)} rows, where the clip has {frames or 'some'} video frames"
        remedy = f"Give {rate} rows a second ({rate // FPS} for every video frame), or set the entry's `rate`"
        raise InputError(path, problem, remedy)
    array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise InputError(path, "holds numbers that are not finite", "Make the features again")
    return array


def _array(path: Path) -> np.ndarray:
    if path.suffix != ".npy":
        from models.checkpoints import read_tensor

        tensor = read_tensor(path)
        return (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, f"cannot be read as an array ({error})", "Save it with numpy.save") from error
