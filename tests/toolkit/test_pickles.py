"""Pickles of arrays in every form that numpy and Python have, and pickles that would run something."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from toolkit.errors import InputError
from toolkit.pickles import read_arrays


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(3, dtype=">i2"),
        np.array([True, False]),
        np.zeros((0, 4), np.float32),
        np.array(2.5),
    ],
)
def test_arrays_come_back_as_they_were(array, protocol):
    found = read_arrays(pickle.dumps({"x": [array]}, protocol), "x", "Give another")["x"][0]
    np.testing.assert_array_equal(found, array)
    assert found.shape == array.shape


def test_older_names_of_numpy_are_known():
    content = pickle.dumps(np.arange(3.0), 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert b"numpy.core." in content
    np.testing.assert_array_equal(read_arrays(content, "x", "Give another"), np.arange(3.0))


class Runs:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("inside", [lambda evil: evil, lambda evil: {"hubert": evil}, lambda evil: np.array([evil])])
def test_a_pickle_that_would_run_something_is_refused(tmp_path, protocol, inside):
    content = pickle.dumps(inside(Runs(tmp_path / "made")), protocol)
    with pytest.raises(InputError, match="something that is not read"):
        read_arrays(content, "x", "Give another")
    assert not (tmp_path / "made").exists()
    pickle.loads(content)  # noqa: S301 - our own
    assert (tmp_path / "made").exists(), "an ordinary reader runs it"


@pytest.mark.parametrize(
    "value", [np.array(["text"], object), np.array(["text"]), np.float32, Path(), np.zeros(2, [("a", "f4")]), eval]
)
def test_other_things_than_numbers_are_refused(value):
    with pytest.raises(InputError):
        read_arrays(pickle.dumps(value), "x", "Give another")
