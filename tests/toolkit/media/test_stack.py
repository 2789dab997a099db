"""toolkit.media.stack: frames as compressed pictures, read like a video's."""

import numpy as np
import pytest

from toolkit.errors import InputError
from toolkit.media.frames import FrameReader, read_frames
from toolkit.media.stack import is_stack, write_stack


def pictures() -> np.ndarray:
    """Five frames (5, 32, 48, 3), each of its own colours."""
    rows = np.linspace(0, 200, 32, dtype=np.uint8)[:, None, None]
    return np.stack([np.broadcast_to(rows + np.array([0, 10 * i, 50], np.uint8), (32, 48, 3)) for i in range(5)])


def test_frames_come_back_in_their_order_and_colours(tmp_path):
    path = tmp_path / "frames.npz"
    assert write_stack(path, pictures()) == 5
    assert is_stack(path)
    assert np.abs(np.stack(list(read_frames(path))).astype(int) - pictures()).max() <= 6
    assert np.array_equal(np.stack(list(read_frames(path, 1, 3))), np.stack(list(read_frames(path)))[1:3])
    with FrameReader(path) as reader:
        assert len(reader) == 5
        assert np.array_equal(reader[4], list(read_frames(path))[4])
        with pytest.raises(IndexError):
            reader[5]


def test_above_a_hundred_it_is_lossless(tmp_path):
    write_stack(tmp_path / "frames.npz", pictures(), quality=101)
    assert np.array_equal(np.stack(list(read_frames(tmp_path / "frames.npz"))), pictures())


def test_other_arrays_are_no_stack(tmp_path):
    np.savez(tmp_path / "other.npz", points=np.zeros(3))
    with pytest.raises(InputError, match="no stack"):
        next(read_frames(tmp_path / "other.npz"))
