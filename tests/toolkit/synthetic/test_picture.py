import time

import numpy as np
import pytest

from toolkit.faces.geometry import mouth_opening
from toolkit.synthetic.looks import LOOKS, look_named, mirror
from toolkit.synthetic.motion import talker_motion
from toolkit.synthetic.picture import coverage, talker, talker_frames
from toolkit.synthetic.portrait import LANDMARKS, MOUTH, photograph


def spoken(frames: int, seed: int = 3):
    return talker_motion(0.12 * (1 - np.cos(np.arange(frames) / 3)), np.sin(np.arange(frames) / 7), seed)


@pytest.mark.parametrize("look", LOOKS)
def test_the_mouth_opens_as_the_track_says(look):
    motion = spoken(60)
    measured = mouth_opening(talker(look).landmarks(motion))
    np.testing.assert_allclose(measured, motion.opening, atol=0.01)


@pytest.mark.parametrize("look", LOOKS)
def test_pictures_are_reproducible_and_only_the_head_moves(look):
    motion = spoken(12)
    frames = np.stack(list(talker_frames(look, motion)))
    assert frames.shape == (12, 256, 256, 3)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, np.stack(list(talker_frames(look, motion))))
    spread = frames.astype(int).max(axis=0) - frames.min(axis=0)
    assert max(spread[edge].max() for edge in ([0, -1], np.s_[:, [0, -1]])) <= 1
    assert spread[100:200, 80:180].mean() > 5


def test_an_open_mouth_is_dark_inside_and_a_shut_one_is_not():
    darkness = []
    for opening in (0.0, 0.25):
        motion = talker_motion(np.full(1, opening), np.zeros(1), seed=0)
        x, y = talker("plain").landmarks(motion)[0, [62, 66]].mean(axis=0).round().astype(int)
        darkness.append(next(talker_frames("plain", motion))[y : y + 4, x - 3 : x + 4].mean())
    shut, wide = darkness
    assert wide < 60 < 110 < shut


def test_looks_differ_and_keep_the_order_of_points():
    pictures = [look_named(name).portrait.picture.astype(int) for name in LOOKS]
    for index, picture in enumerate(pictures):
        for other in pictures[:index]:
            assert np.abs(picture - other).mean() > 20
    for name in LOOKS:
        points = look_named(name).portrait.points[LANDMARKS]
        assert (np.diff(points[[0, 4, 8, 12, 16], 0]) > 0).all()  # jaw
        assert (np.diff(points[[17, 21, 22, 26], 0]) > 0).all()  # brows
        assert (np.diff(points[[36, 39, 42, 45], 0]) > 0).all()  # eyes
        assert (np.diff(points[[48, 60, 61, 62, 63, 64], 0]) > 0).all()  # lips


def test_a_mirror_twice_is_no_mirror():
    twice = mirror(mirror(photograph()))
    np.testing.assert_array_equal(twice.picture, photograph().picture)
    np.testing.assert_allclose(twice.points, photograph().points)


def test_coverage_is_the_share_of_each_pixel():
    square = np.array([[1.5, 1.5], [4.0, 1.5], [4.0, 3.5], [1.5, 3.5]])  # pixel centres are whole numbers
    share = coverage(square, 6, 7)
    assert share[2:4, 2:4].tolist() == [[1, 1], [1, 1]]
    assert share[3, 4] == pytest.approx(0.5, abs=0.3)  # the polygon's border counts as inside, at a quarter of a pixel
    assert share[0].sum() == share[:, 0].sum() == share[5].sum() == 0
    shut = photograph().points[MOUTH].copy()
    shut[:, 1] = 100
    assert coverage(shut - (90, 90), 20, 80).sum() < 0.3 * np.ptp(shut[:, 0])


def test_speed(record_property):
    """The best of five: what else the machine does slows some of them."""
    motion = spoken(20)
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        frames = sum(1 for _ in talker_frames("glasses", motion))
        seconds.append(time.process_time() - begin)
    rate = frames / min(seconds)
    record_property("frames_per_second", rate)
    print(f"{rate:.0f} frames a second of processor time")
    assert rate > 30  # 110 on an idle core
