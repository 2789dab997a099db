"""Files that appear whole or not at all, and names that stay inside their folder."""

import hashlib
import json
import os
import re
import shutil
import tempfile
import unicodedata
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Hand out a temporary path beside `path` (same suffix); rename it into place on success, remove it on failure."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Hand out a temporary folder beside `path`; on success it takes that name, in place of what is there."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as temporary:
        partial = Path(temporary) / path.name
        partial.mkdir()
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.rename(path)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: object) -> None:
    """Write indented JSON; NaN and infinity are refused, since they are not JSON."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path) -> dict:
    """Read a JSON file of the workflow's own."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_npz(path: str | Path, **arrays: np.ndarray) -> None:
    """Write named arrays (never pickled objects)."""
    with atomic_path(path) as partial:
        np.savez_compressed(partial, allow_pickle=False, **arrays)


def write_npy(path: str | Path, array: np.ndarray) -> None:
    """Write one array, readable by `numpy.load(path, mmap_mode="r")`."""
    with atomic_path(path) as partial:
        np.save(partial, array, allow_pickle=False)


def write_blocks(path: str | Path, blocks: Iterable[np.ndarray], rows: int, dtype: str) -> list[int]:
    """Write one array of `rows` rows as its blocks come, never holding all of it; returns its shape.

    Raises ValueError where the blocks are more rows than that, RuntimeError where they are fewer.
    """
    with atomic_path(path) as partial:
        array, filled = None, 0
        for block in blocks:
            if array is None:
                array = np.lib.format.open_memmap(partial, "w+", np.dtype(dtype), (rows, *block.shape[1:]))
            array[filled : filled + len(block)] = block
            filled += len(block)
        if array is None or filled < rows:
            raise RuntimeError(f"{path}: {filled} rows instead of {rows}")
        array.flush()
        return list(array.shape)


def link(source: str | Path, target: str | Path) -> None:
    """Give a file a second name, as a hard link; where links are not possible, copy it."""
    with atomic_path(target) as partial:
        try:
            os.link(source, partial)
        except OSError:
            shutil.copyfile(source, partial)


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def safe_name(text: str) -> str:
    """A clip name made from any text: letters of any alphabet, digits, dot, dash and underscore; never empty, hidden or
    containing the pair separator `--`."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"[^\w.-]+", "_", text)
    text = re.sub(r"-{2,}", "-", text).strip("._-")
    return text or "clip"
