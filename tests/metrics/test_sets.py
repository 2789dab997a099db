import numpy as np
import pytest

from metrics.metric import NotComputed
from metrics.sets import OF_SETS, set_values
from toolkit.files import write_npz

ROWS = 40


@pytest.fixture
def folder(tmp_path):
    """Writes a pair's features and returns the pair: rows of 6 columns around `shift`, those of real frames around 0."""

    def write(system, video, audio, *, shift, rows=ROWS, reference=True, metric="fid", frames=1):
        rng = np.random.default_rng([ord(letter) for letter in f"{video}{audio}"])
        arrays = {f"{metric}.generated": rng.normal(shift, 1, (rows, 6)).astype(np.float32)}
        arrays[f"{metric}.frames"] = np.broadcast_to(frames, rows)
        if reference:
            real = np.random.default_rng([ord(letter) for letter in video]).normal(0, 1, (ROWS, 6))
            arrays[f"{metric}.reference"] = real.astype(np.float32)
        path = tmp_path / f"{system}_{video}_{audio}.npz"
        write_npz(path, **arrays)
        return {"system": system, "video": video, "kind": "self" if video == audio else "crossed"}, path

    return write


def computed(pairs):
    return [value for value in set_values(pairs) if not isinstance(value.value, NotComputed)]


def test_the_distance_grows_with_the_shift_and_says_what_it_saw(folder):
    pairs = [folder(name, clip, clip, shift=shift) for name, shift in (("near", 0), ("far", 2)) for clip in "abc"]
    near, far = computed(pairs)
    assert (near.system, near.kind, near.metric, near.clips, near.frames) == ("near", "self", "fid", 3, 3 * ROWS)
    assert far.value == pytest.approx(6 * 2**2, rel=0.1)  # six columns, each off by 2
    assert near.value < 0.1 * far.value


def test_rows_count_as_the_frames_that_they_stand_for(folder):
    """Windows of 16, and whole clips: of those that both sides have."""
    [value] = computed([folder("near", "a", "a", shift=0, metric="fvd", frames=16)])
    assert (value.metric, value.clips, value.frames) == ("fvd", 1, 16 * ROWS)
    lengths = {"a": 40, "b": 70, "c": 250}
    whole = [folder("whole", clip, clip, shift=0, rows=1, metric="fvd", frames=n) for clip, n in lengths.items()]
    none = folder("whole", "d", "d", shift=0, rows=0, metric="fvd")
    [value] = computed([*whole, none])
    assert (value.clips, value.frames) == (3, 360)


def test_crossed_pairs_are_held_against_the_clip_of_their_picture(folder):
    own = [folder("x", clip, clip, shift=0) for clip in "ab"]
    crossed = [folder("x", "a", "b", shift=1, reference=False), folder("x", "z", "a", shift=50, reference=False)]
    values = {value.kind: value for value in computed([*own, *crossed])}
    assert values["crossed"].clips == 1  # of the other's picture nothing real is known
    assert values["crossed"].value == pytest.approx(6, rel=0.4)


def test_both_sides_take_equally_many_rows(folder):
    [value] = computed([folder("x", "a", "a", shift=0, rows=15), folder("x", "b", "b", shift=0, rows=ROWS + 20)])
    assert value.frames == 15 + ROWS


def test_what_left_no_features_has_no_value_but_a_reason(folder, tmp_path):
    write_npz(tmp_path / "empty.npz")
    nothing = {"system": "x", "video": "a", "kind": "self"}, tmp_path / "empty.npz"
    for pairs, has in (([nothing], 0), ([nothing, folder("x", "b", "b", shift=0, rows=1)], 1)):
        values = {value.metric: value for value in set_values(pairs)}
        assert values.keys() == set(OF_SETS)
        assert str(values["fid"].value) == f"needs 2 frames or clips on either side, has {has} and {has}"
        assert (values["fid"].clips, values["fid"].frames) == (has, has)
    assert set_values([]) == []
