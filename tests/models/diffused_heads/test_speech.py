"""Features of any encoder as one row a frame."""

import subprocess
import sys

import numpy as np
import pytest

from models.diffused_heads.speech import embeddings
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


def test_arrays_need_no_torch():
    code = (
        "import sys, numpy; from models.diffused_heads.speech import embeddings;"
        "embeddings(numpy.ones((40, 3)), 40, 'mean')[:];"
        "assert not {'torch', 'lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
