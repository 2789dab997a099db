import numpy as np
import pytest

from models.difftalk.windows import has_context, neighbours, speech_windows, windows
from toolkit.errors import InputError


def numbered(count: int, width: int = 3) -> np.ndarray:
    """Rows r + 1, so that zeros are no row."""
    return np.repeat(np.arange(1.0, count + 1, dtype=np.float32)[:, None], width, axis=1)


def test_a_window_lies_around_its_frame_and_lacks_the_last_row():
    rows = numbered(40)
    cut = windows(rows, [0, 7, 19])
    assert cut.shape == (3, 16, 3)
    assert cut[0, :, 0].tolist() == [0] * 8 + [1, 2, 3, 4, 5, 6, 7, 8]
    assert cut[1, :, 1].tolist() == list(range(7, 23))
    # frame 19 is shown from row 38 on: rows 30 .. 38, and zeros for the last and what would follow
    assert cut[2, :, 2].tolist() == [*range(31, 40), *[0] * 7]
    assert windows(rows, [[0, 1], [2, 3]]).shape == (2, 2, 16, 3)
    assert windows(rows.astype(np.float64), [3]).dtype == np.float64


def test_one_row_a_frame_stands_twice():
    np.testing.assert_array_equal(
        windows(numbered(20), range(20), each=1), windows(np.repeat(numbered(20), 2, axis=0), range(20))
    )


def test_neighbours_are_eight_of_the_clip():
    near = neighbours(range(13), 13)
    assert near[5].tolist() == [2, 3, 4, 5, 6, 7, 8, 9]
    assert near[0].tolist() == near[3].tolist() == list(range(8))
    assert near[12].tolist() == near[8].tolist() == list(range(5, 13))


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_a_short_clip_repeats_its_last_frame(frames):
    assert neighbours(range(frames), frames).tolist() == [[min(place, frames - 1) for place in range(8)]] * frames
    assert speech_windows(numbered(2 * frames), range(frames), frames).shape == (frames, 8, 16, 3)


@pytest.mark.parametrize("rows", [36, 39, 40, 43])
def test_features_of_a_clip(rows):
    features = numbered(rows)
    made = speech_windows(features, [0, 10, 19], 20)
    assert made.shape == (3, 8, 16, 3)
    assert made.dtype == np.float32
    expected = windows(features[:40], neighbours([0, 10, 19], 20))
    np.testing.assert_array_equal(made, expected)
    assert made[1, 3, :, 0].tolist() == list(range(13, 29)), "the fourth of the eight is the frame's own"


def test_features_of_any_shape(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", rng.random((40, 2, 5), np.float32))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        speech_windows(mapped, range(20), 20), speech_windows(mapped.reshape(40, 10), range(20), 20)
    )
    once = rng.random((20, 5), np.float32)
    np.testing.assert_array_equal(
        speech_windows(once, [4, 5], 20), speech_windows(np.repeat(once, 2, axis=0), [4, 5], 20)
    )


@pytest.mark.parametrize("frames", [5, 20])
def test_windows_ready_made_are_what_rows_give(frames):
    rows = np.random.default_rng(0).random((2 * frames, 3), np.float32)
    expected = speech_windows(rows, range(frames), frames)
    ready = windows(rows, range(frames))
    np.testing.assert_array_equal(speech_windows(ready, range(frames), frames), expected)
    np.testing.assert_array_equal(speech_windows(expected, [0, frames - 1], frames), expected[[0, -1]])
    # One window fewer than frames is usual: the last stands for both.
    short = speech_windows(ready[:-1], range(frames), frames)
    np.testing.assert_array_equal(short[-1, -1], ready[-2])


def test_features_of_another_length_are_refused():
    with pytest.raises(InputError, match="30 rows belong neither once nor twice to each of 20 video frames"):
        speech_windows(numbered(30), [0], 20)


@pytest.mark.parametrize("shape", [(9,), (9, 8)])
def test_windows_of_single_frames_hold_no_context(shape):
    cut = np.zeros((*shape, 16, 3))
    assert not has_context(cut)
    cut[..., 8, :] = 1
    assert not has_context(cut)
    assert has_context(windows(numbered(40), neighbours(range(20), 20)))
