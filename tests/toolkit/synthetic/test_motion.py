import numpy as np
import pytest

from toolkit.faces.geometry import eye_aspect_ratio
from toolkit.synthetic.motion import SWAY, at_frames, blink, face_moves, talker_motion
from toolkit.synthetic.portrait import LANDMARKS, photograph

STILL = {"roundness": 0.0, "lids": 0.0, "brows": 0.0}


def test_a_seed_says_it_all():
    track = np.linspace(0, 0.2, 100)
    once, again, other = (talker_motion(track, track, seed) for seed in (5, 5, 6))
    for name in ("lids", "brows", "x", "y", "roll"):
        np.testing.assert_array_equal(getattr(once, name), getattr(again, name))
    assert once.blinks == again.blinks
    assert np.abs(once.x - other.x).max() > 0.5
    assert once.blinks != other.blinks


@pytest.mark.parametrize("seed", range(5))
def test_the_head_sways_within_bounds_and_slowly(seed):
    motion = talker_motion(np.zeros(500), np.zeros(500), seed)
    for name, most in SWAY.items():
        values = getattr(motion, name)
        assert 0.3 * most < np.abs(values).max() <= most
        assert np.abs(np.diff(values)).max() < 0.12 * most


@pytest.mark.parametrize("seed", range(5))
def test_lids_are_shut_during_blinks_alone(seed):
    motion = talker_motion(np.zeros(120), np.zeros(120), seed)
    times = (np.arange(120) + 0.5) / 25
    blinking = np.any([(times > start) & (times < end) for start, end in motion.blinks], axis=0)
    assert 1 <= len(motion.blinks) <= 4
    assert (motion.lids[~blinking] == 0).all()
    for start, end in motion.blinks:
        assert motion.lids[(times > start) & (times < end)].max() == 1


def test_a_blink_opens_as_it_began():
    assert blink(np.array([0.0, 0.14, 0.34, 1.0])).tolist() == [0, 1, 0, 0]
    assert blink(np.array([-1.0])) == 0


def test_tracks_are_read_in_the_middle_of_frames():
    np.testing.assert_allclose(at_frames([0.01 * step for step in range(40)], 100, 5), [0.02, 0.06, 0.10, 0.14, 0.18])


@pytest.mark.parametrize("gap", [0.0, 3.0, 17.0])
def test_lips_part_by_the_gap_that_is_asked_for(gap):
    points = photograph().points
    moved = (points + face_moves(points, gap, **STILL))[LANDMARKS]
    np.testing.assert_allclose(moved[66] - moved[62], [0, gap], atol=1e-9)
    assert (moved[[65, 66, 67], 1] - moved[[63, 62, 61], 1] >= gap / 2).all()


def test_the_jaw_goes_along_and_the_ears_do_not():
    points = photograph().points
    wide, shut = (face_moves(points, gap, **STILL) for gap in (17.0, 0.0))
    assert 9 < wide[8, 1] - shut[8, 1] < 14
    assert abs(wide[0, 1] - shut[0, 1]) < 0.2


def test_rounded_lips_are_narrow_and_shut_lids_meet():
    points = photograph().points
    plain = (points + face_moves(points, 5.0, **STILL))[LANDMARKS]
    other = (points + face_moves(points, 5.0, roundness=1.0, lids=1.0, brows=0.0))[LANDMARKS]
    assert other[54, 0] - other[48, 0] < 0.88 * (plain[54, 0] - plain[48, 0])
    assert eye_aspect_ratio(other) < 0.01
    assert eye_aspect_ratio(plain) > 0.2
