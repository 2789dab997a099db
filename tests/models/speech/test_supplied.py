"""The user's own speech features: any rank, one or two rows a frame, read without running anything."""

import logging
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.speech.supplied import find_supplied, read_supplied, supplied_files
from toolkit.errors import InputError


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


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
@pytest.mark.parametrize("array", [numbered(40), np.ones((40, 3), np.int32)], ids=["flat", "whole"])
def test_supplied_arrays_that_are_no_features(tmp_path, suffix, array):
    with pytest.raises(InputError, match=r"Give rows of floats"):
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


@pytest.mark.parametrize("shape", [(80, 3), (80, 2, 3), (78, 8, 16, 29)])
def test_two_rows_a_frame_of_any_rank(tmp_path, shape):
    array = numbered(*shape)
    read = read_supplied(save(array, tmp_path / "a.npy"), 40, 50)
    np.testing.assert_array_equal(read, array[np.minimum(np.arange(80), len(array) - 1)])


def test_a_missing_file_is_no_input_of_a_rule(tmp_path):
    save(numbered(4, 3), tmp_path / "a.npy")
    assert supplied_files(tmp_path, "a") == [str(tmp_path / "a.npy")]
    assert supplied_files(tmp_path, "b") == []


def test_arrays_need_no_torch(tmp_path):
    save(numbered(40, 3), tmp_path / "a.npy")
    code = (
        "import sys; from models.speech.supplied import read_supplied;"
        f"read_supplied({str(tmp_path / 'a.npy')!r}, 40);"
        "assert not {'torch', 'lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
