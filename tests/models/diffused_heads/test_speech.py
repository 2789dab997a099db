"""Features of any encoder as one row a frame, and the user's own embeddings."""

import logging
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.diffused_heads.speech import embeddings, find_supplied, read_supplied
from toolkit.errors import InputError


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_one_row_a_frame():
    features = numbered(10, 4)
    for pooling in ("mean", "concatenation"):
        rows = embeddings(features, 10, pooling)
        assert (rows.shape, len(rows)) == ((10, 4), 10)
        np.testing.assert_array_equal(rows[:], features)


def test_two_rows_a_frame():
    features = numbered(20, 4)
    pairs = features.reshape(10, 2, 4)
    joined, averaged = embeddings(features, 10, "concatenation"), embeddings(features, 10, "mean")
    assert (joined.shape, averaged.shape) == ((10, 8), (10, 4))
    np.testing.assert_array_equal(joined[:], pairs.reshape(10, 8))
    np.testing.assert_array_equal(averaged[:], pairs.mean(axis=1))


def test_the_last_layer_counts():
    features = numbered(20, 3, 4)
    np.testing.assert_array_equal(embeddings(features, 10, "mean")[:], embeddings(features[:, 2], 10, "mean")[:])


def test_whatever_asks_gets_its_rows():
    features = numbered(20, 4).astype(np.float16)
    rows = embeddings(features, 10, "concatenation")
    every = rows[:]
    assert every.dtype == np.float32
    np.testing.assert_array_equal(rows[3], every[3])
    np.testing.assert_array_equal(rows[2:7:2], every[2:7:2])
    np.testing.assert_array_equal(rows[[0, 0, 0, 1, 2]], every[[0, 0, 0, 1, 2]])
    np.testing.assert_array_equal(rows[np.array([[9, 8], [1, 0]])], every[[[9, 8], [1, 0]]])


@pytest.mark.parametrize(("rows", "frames", "each"), [(97, 100, 1), (103, 100, 1), (197, 100, 2), (205, 100, 2)])
def test_lengths_may_differ_a_little(rows, frames, each):
    features = numbered(rows, 2)
    read = embeddings(features, frames, "concatenation")
    assert read.shape == (frames, 2 * each)
    held = np.concatenate([features, features[-1:].repeat(10, axis=0)])[: each * frames]
    np.testing.assert_array_equal(read[:].reshape(-1, 2), held)


@pytest.mark.parametrize("rows", [0, 94, 106, 150, 194, 206, 400])
def test_lengths_that_cannot_belong_are_refused(rows):
    with pytest.raises(InputError, match=f"{rows} rows belong neither once nor twice to each of 100 video frames"):
        embeddings(numbered(rows, 2), 100, "mean")


@pytest.mark.parametrize("shape", [(100,), (100, 2, 2, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match="axes"):
        embeddings(numbered(*shape), 100, "mean")


def test_an_hour_is_read_where_it_is_asked_for(tmp_path):
    """5 GB of Whisper's states on a sparse disk file; the error names it."""
    shape = (2 * 90_000, 6, 1280)
    features = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float32, shape)
    features[123_456:123_458, -1] = 3
    rows = embeddings(np.load(tmp_path / "a.npy", mmap_mode="r"), 90_000, "mean")
    assert rows.shape == (90_000, 1280)
    assert (rows[61_728] == 3).all()
    assert not rows[[0, 61_727, 61_729, 89_999]].any()
    with pytest.raises(InputError, match=r"a\.npy"):
        embeddings(features, 1000, "mean")


def save(array: np.ndarray, path: Path) -> Path:
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".pth":
        torch.save(torch.from_numpy(array), path)
    else:
        save_file({"embedding": torch.from_numpy(array)}, path)
    return path


FORMS = pytest.mark.parametrize("suffix", [".npy", ".pth", ".safetensors"])


@FORMS
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_supplied(tmp_path, caplog, suffix, dtype):
    array = np.random.default_rng(0).standard_normal((40, 6)).astype(dtype)
    path = save(array, tmp_path / f"s15.a-b{suffix}")
    assert find_supplied(tmp_path, "s15.a-b") == path
    with caplog.at_level(logging.WARNING, logger="talkflow"):
        rows = read_supplied(path, 40)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, array.astype(np.float32))
    assert not caplog.records


def test_half_precision_that_numpy_does_not_know(tmp_path):
    torch.save(torch.ones(4, 3, dtype=torch.bfloat16, requires_grad=True), tmp_path / "a.pth")
    np.testing.assert_array_equal(read_supplied(tmp_path / "a.pth", 4), np.ones((4, 3)))


@FORMS
@pytest.mark.parametrize(
    ("rows", "said"), [(35, "the last is repeated"), (44, "the rest is left out"), (59, "left out")]
)
def test_supplied_lengths_that_are_mended(tmp_path, caplog, suffix, rows, said):
    array = numbered(rows, 3)
    with caplog.at_level(logging.WARNING, logger="talkflow"):
        read = read_supplied(save(array, tmp_path / f"a{suffix}"), 40)
    np.testing.assert_array_equal(read, array[np.minimum(np.arange(40), rows - 1)])
    assert f"{rows} rows for 40 video frames" in caplog.text
    assert said in caplog.text


@FORMS
@pytest.mark.parametrize("rows", [0, 34, 80])
def test_supplied_lengths_that_are_refused(tmp_path, suffix, rows):
    with pytest.raises(InputError, match=f"has {rows} rows, where the clip has 40 video frames"):
        read_supplied(save(numbered(rows, 3), tmp_path / f"a{suffix}"), 40)


@FORMS
@pytest.mark.parametrize(
    "array", [numbered(40), numbered(1, 40, 3), np.ones((40, 3), np.int32)], ids=["flat", "deep", "whole"]
)
def test_supplied_arrays_that_are_no_embeddings(tmp_path, suffix, array):
    with pytest.raises(InputError, match=r"Give one row of floats"):
        read_supplied(save(array, tmp_path / f"a{suffix}"), 40)


@FORMS
def test_supplied_numbers_that_are_none(tmp_path, suffix):
    array = numbered(40, 3)
    array[7, 1] = np.nan
    with pytest.raises(InputError, match="not finite"):
        read_supplied(save(array, tmp_path / f"a{suffix}"), 40)


class Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # of torch's reader, about the test's payload
@FORMS
@pytest.mark.parametrize("content", ["pickle", "objects", "rubbish", "nothing"])
def test_supplied_files_that_are_hostile_or_broken(tmp_path, suffix, content):
    mark, path = tmp_path / "ran", tmp_path / f"a{suffix}"
    if content == "pickle":
        path.write_bytes(pickle.dumps(Payload(mark)))
    elif content == "objects":
        with path.open("wb") as file:
            np.save(file, np.array([Payload(mark)] * 40), allow_pickle=True)
    else:
        path.write_bytes(b"rubbish" if content == "rubbish" else b"")
    with pytest.raises(InputError, match=rf"a\{suffix}: cannot be read"):
        read_supplied(path, 40)
    assert not mark.exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds none of a\.npy, a\.safetensors, a\.pth"):
        find_supplied(tmp_path, "a")


def test_arrays_need_no_torch(tmp_path):
    save(numbered(40, 3), tmp_path / "a.npy")
    code = (
        "import sys; from models.diffused_heads.speech import embeddings, read_supplied;"
        f"embeddings(read_supplied({str(tmp_path / 'a.npy')!r}, 40), 40, 'mean')[:];"
        "assert not {'torch', 'lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
