import numpy as np
import pytest

from metrics.sets import FRAMES, set_values
from toolkit.files import write_npz

ROWS = 40


@pytest.fixture
def folder(tmp_path):
    """Writes a pair's features and returns the pair: rows of 6 columns around `shift`, those of real frames around 0."""

    def write(system, video, audio, *, shift, rows=ROWS, reference=True, metric="fid"):
        rng = np.random.default_rng([ord(letter) for letter in f"{video}{audio}"])
        arrays = {f"{metric}.generated": rng.normal(shift, 1, (rows, 6)).astype(np.float32)}
        if reference:
            real = np.random.default_rng([ord(letter) for letter in video]).normal(0, 1, (ROWS, 6))
            arrays[f"{metric}.reference"] = real.astype(np.float32)
        path = tmp_path / f"{system}_{video}_{audio}.npz"
        write_npz(path, **arrays)
        return {"system": system, "video": video, "kind": "self" if video == audio else "crossed"}, path

    return write


def test_a_row_of_features_stands_for_a_frame_or_a_window():
    assert FRAMES["fid"] == 1
    assert FRAMES["fvd"] == 16


def test_the_distance_grows_with_the_shift_and_says_what_it_saw(folder):
    pairs = [folder(name, clip, clip, shift=shift) for name, shift in (("near", 0), ("far", 2)) for clip in "abc"]
    near, far = set_values(pairs)
    assert (near.system, near.kind, near.metric, near.clips, near.frames) == ("near", "self", "fid", 3, 3 * ROWS)
    assert far.value == pytest.approx(6 * 2**2, rel=0.1)  # six columns, each off by 2
    assert near.value < 0.1 * far.value


def test_windows_count_as_their_frames(folder):
    [value] = set_values([folder("near", "a", "a", shift=0, metric="fvd")])
    assert (value.metric, value.frames) == ("fvd", 16 * ROWS)


def test_crossed_pairs_are_held_against_the_clip_of_their_picture(folder):
    own = [folder("x", clip, clip, shift=0) for clip in "ab"]
    crossed = [folder("x", "a", "b", shift=1, reference=False), folder("x", "z", "a", shift=50, reference=False)]
    values = {value.kind: value for value in set_values([*own, *crossed])}
    assert values["crossed"].clips == 1  # of the other's picture nothing real is known
    assert values["crossed"].value == pytest.approx(6, rel=0.4)


def test_both_sides_take_equally_many_rows(folder):
    [value] = set_values([folder("x", "a", "a", shift=0, rows=15), folder("x", "b", "b", shift=0, rows=ROWS + 20)])
    assert value.frames == 15 + ROWS


def test_what_left_no_features_has_no_value(folder, tmp_path):
    write_npz(tmp_path / "empty.npz")
    assert set_values([({"system": "x", "video": "a", "kind": "self"}, tmp_path / "empty.npz")]) == []
    assert set_values([folder("x", "a", "a", shift=0, rows=1)]) == []
    assert set_values([]) == []
