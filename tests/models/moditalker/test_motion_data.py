"""AToM's items: which windows there are, what belongs to which frame, and what is refused."""

import numpy as np
import pytest

from models.moditalker.motion_data import MotionData, imported, read_motion, speech_of, stretches
from tests.small_clips import with_files
from toolkit.errors import InputError
from toolkit.files import write_npy, write_npz


@pytest.fixture
def talker(make_clip, tmp_path):
    """talker(name, frames, missing) -> a clip whose frame i has motion i in every number, and speech rows 2i and 2i + 1."""

    def make(name: str, frames: int, missing: tuple[int, ...] = ()):
        clip = with_files(make_clip(name, frames, missing=missing), face3d=tmp_path / f"{name}_face3d.npz")
        motion = np.arange(frames, dtype=np.float32)[:, None, None].repeat(68, axis=1).repeat(3, axis=2)
        write_npz(clip["face3d"], motion=motion)
        return clip

    return make


def test_a_window_starts_at_its_reference_beside_its_speech(talker):
    data = MotionData([talker("a", 12)], length=5)
    batch = data.batch(np.random.default_rng(0), 64)
    assert batch["motion"].shape == (64, 5, 204)
    assert batch["reference"].shape == (64, 1, 204)
    assert batch["speech"].shape == (64, 10, 80)
    starts = batch["reference"][:, 0, 0]
    assert set(starts.tolist()) == set(range(8))
    assert (batch["motion"] == np.arange(5)[None, :, None]).all()
    assert (batch["speech"][:, :, 0] == 2 * starts[:, None] + np.arange(10)).all()


def test_a_batch_is_decided_by_its_generator(talker):
    data = MotionData([talker("a", 12), talker("b", 9)], length=4)
    one, other, third = (data.batch(np.random.default_rng(seed), 8)["reference"] for seed in (1, 1, 2))
    assert (one == other).all()
    assert (one != third).any()


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ((), [(0, 30)]),
        (tuple(range(10, 15)), [(0, 30)]),
        (tuple(range(10, 16)), [(0, 10), (16, 30)]),
        (tuple(range(8)), [(8, 30)]),
        (tuple(range(30)), []),
    ],
)
def test_long_gaps_split_a_clip(missing, expected):
    assert stretches(~np.isin(np.arange(30), missing)) == expected


def test_no_window_lies_across_a_gap_and_short_clips_are_left_out(talker):
    clips = [talker("a", 24, missing=tuple(range(9, 16))), talker("short", 7)]
    data = MotionData(clips, length=8)
    assert data.starts.tolist() == [[0, 0], [0, 1], [0, 16]]
    with pytest.raises(InputError, match=r"none shows a face for 10 frames.*shorter windows"):
        MotionData(clips, length=10)


def test_files_that_do_not_belong_together_are_refused(talker, make_clip, tmp_path):
    clip, other = talker("a", 8), talker("b", 9)
    with pytest.raises(InputError, match="8 frames, but the clip has 9"):
        read_motion(with_files(other, face3d=clip["face3d"]))
    write_npy(tmp_path / "wide.npy", np.zeros((18, 1, 1024), np.float32))
    with pytest.raises(InputError, match=r"1024 values a frame.*80"):
        MotionData([clip, with_files(other, speech=tmp_path / "wide.npy")], length=4)


def test_speech_once_a_frame_serves_both_rows_and_goes_on_with_its_last():
    speech = np.arange(6, dtype=np.float32)[:, None, None]
    assert speech_of(speech, 1, 3, 6)[:, 0].tolist() == [1, 1, 2, 2]
    assert speech_of(speech, 2, 5, 3)[:, 0].tolist() == [4, 5, 5, 5, 5, 5]


def test_what_sampling_does_not_reach_is_counted(talker):
    """Frames 0 to 4 of each window are 0 to 4 away."""
    assert MotionData([talker("a", 12)], length=5).beyond(2.5) == pytest.approx(2 / 5)


def test_imported_items_are_learnt_from(talker, tmp_path):
    write_npy(tmp_path / "items/speech/x.npy", np.zeros((18, 80), np.float32))
    write_npz(tmp_path / "items/face3d/x.npz", motion=np.zeros((9, 68, 3), np.float32))
    write_npz(tmp_path / "items/transform/x.npz", ok=np.ones(9, bool))
    data = MotionData([talker("a", 8), *imported(tmp_path / "items")], length=8)
    assert data.starts.tolist() == [[0, 0], [1, 0], [1, 1]]
    with pytest.raises(InputError, match="holds no speech"):
        imported(tmp_path)
