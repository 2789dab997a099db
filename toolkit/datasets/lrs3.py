"""GeneFace's `train.data` and `val.data` (LRS3) become the files that a motion network learns from:

    python -m toolkit.datasets.lrs3 --data train.data --output DIR

It writes DIR/speech/{item}.npy (`--speech`: hubert or mel), DIR/face3d/{item}.npz with `motion`, and DIR/transform/{item}.npz
with `ok`, in which every frame has a face. The container is an index and items, all pickles, of which nothing is run
(`toolkit.pickles`).
"""

import argparse
import gzip
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from toolkit.datasets.table import free_name
from toolkit.errors import InputError
from toolkit.files import write_npy, write_npz
from toolkit.pickles import read_arrays

LENGTH_BYTES = 32  # the file begins with the length of its index
LARGEST = 1 << 30  # bytes of an item, unpacked
REMEDY = "Give train.data or val.data as GeneFace's preprocessing writes them"


def read_items(path: Path) -> Iterator[dict]:
    """The items of a container in order, one in memory at a time; InputError where it is none."""
    with path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if not 0 < length <= size - LENGTH_BYTES:
            raise InputError(path, "does not begin with an index", REMEDY)
        index = read_arrays(file.read(length), f"{path}, index", REMEDY)
        offsets, packed = _offsets(index, size, path)
        for number, (first, end) in enumerate(pairwise(offsets)):
            subject = f"{path}, item {number}"
            file.seek(first)
            content = file.read(end - first)
            item = read_arrays(_unpacked(content, subject) if packed else content, subject, REMEDY)
            if not isinstance(item, dict):
                raise InputError(subject, "is no table of arrays", REMEDY)
            yield item


def _offsets(index: object, size: int, path: Path) -> tuple[list[int], bool]:
    """Where each item begins and the last ends, and whether items are packed by gzip."""
    table = index if isinstance(index, dict) else {}
    offsets, meta = table.get("offsets"), table.get("meta")
    offsets = offsets.tolist() if isinstance(offsets, np.ndarray) else offsets
    numbers = isinstance(offsets, list) and all(isinstance(offset, int) for offset in offsets)
    if not numbers or offsets != sorted(offsets) or not offsets or offsets[0] < 0 or offsets[-1] > size:
        raise InputError(path, "its index does not say where its items are, or it is cut off", REMEDY)
    return offsets, bool(isinstance(meta, dict) and meta.get("gzip"))


def _unpacked(content: bytes, subject: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            found = file.read(LARGEST + 1)
    except (OSError, EOFError) as error:
        raise InputError(subject, f"cannot be unpacked ({error})", REMEDY) from error
    if len(found) > LARGEST:
        raise InputError(subject, f"holds more than {LARGEST} bytes", REMEDY)
    return found


def arrays(item: Mapping, speech: str, subject: str) -> tuple[np.ndarray, np.ndarray]:
    """Speech (2n, width) and motion (n, 68, 3) of an item, float32, both as long as the shorter lasts."""
    rows, motion = (item.get(key) for key in (speech, "idexp_lm3d"))
    fits = isinstance(rows, np.ndarray) and isinstance(motion, np.ndarray) and rows.ndim == 2
    if not fits or motion.size % 204 or not motion.size:
        raise InputError(subject, f"lacks {speech} (rows, width) or idexp_lm3d (frames, 68, 3)", REMEDY)
    motion = motion.reshape(-1, 68, 3).astype(np.float32)
    frames = min(len(motion), len(rows) // 2)
    return rows[: 2 * frames].astype(np.float32), motion[:frames]


def write_items(data: Path, output: Path, speech: str) -> int:
    """Write the files of every item and say how many there are. One that stands there is written anew."""
    taken: set[str] = set()
    for number, item in enumerate(read_items(data)):
        rows, motion = arrays(item, speech, f"{data}, item {number}")
        name = free_name(str(item.get("item_id", number)), taken)
        write_npy(output / "speech" / f"{name}.npy", rows)
        write_npz(output / "face3d" / f"{name}.npz", motion=motion)
        write_npz(output / "transform" / f"{name}.npz", ok=np.ones(len(motion), bool))
    return len(taken)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        count = write_items(chosen.data, chosen.output, chosen.speech)
    except (InputError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{count} items in {chosen.output}")
    return 0


def _parser() -> argparse.ArgumentParser:
    summary = __doc__.partition(":\n\n")[0]
    parser = argparse.ArgumentParser(prog="python -m toolkit.datasets.lrs3", description=summary)
    parser.add_argument("--data", type=Path, required=True, help="train.data or val.data")
    parser.add_argument("--output", type=Path, required=True, help="the folder for speech, face3d and transform")
    parser.add_argument("--speech", choices=("hubert", "mel"), default="hubert", help="the features that are kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
