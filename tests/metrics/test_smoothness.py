from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from metrics.metric import NotComputed
from metrics.smoothness import Smoothness, Spread


def picture(shift=0, size=128):
    """A soft random texture, moved to the right by `shift` pixels of 128."""
    texture = gaussian_filter(np.random.default_rng(0).uniform(size=(128, 128)), 2, mode="wrap")
    levels = 255 * (texture - texture.min()) / np.ptp(texture)
    moved = np.roll(levels, shift, axis=1).repeat(size // 128, axis=0).repeat(size // 128, axis=1)
    return np.repeat(moved.astype(np.uint8)[..., None], 3, axis=-1)


def values(frames):
    smooth = Smoothness()
    for frame in frames:
        smooth.update(frame, None)
    return smooth.result()


@pytest.mark.parametrize("size", [128, 256])
def test_ofm_of_a_known_shift_is_its_length_at_128_pixels(size):
    assert values([picture(2 * t, size) for t in range(4)])["ofm"] == pytest.approx(2, rel=0.08)


def test_f_mse_of_known_differences():
    frames = [np.full((128, 128, 3), level, np.uint8) for level in (100, 103, 93)]
    assert values(frames)["f_mse"] == pytest.approx((3**2 + 10**2) / 2)


def test_the_published_f_mse_wraps_around():
    up, down = (np.full((128, 128, 3), level, np.uint8) for level in (120, 100))
    assert values([down, up])["f_mse_published"] == 20**2 % 256
    assert values([up, down])["f_mse_published"] == 236**2 % 256  # 100 - 120 is 236 in bytes


def test_a_held_picture_does_not_move_whatever_the_published_ofm_says():
    flat = np.full((128, 128, 3), 90, np.uint8)
    held = values([flat, flat, flat])
    assert held["ofm"] == held["f_mse"] == held["f_mse_published"] == 0
    assert held["ofm_published"] == pytest.approx(128 / 3)  # the dark blue of the map


def test_frames_that_stop_and_go_on_have_the_flow_of_each_step():
    frames = [picture(shift) for shift in (0, 0, 0, 3, 3, 0)]
    steps = [values(pair)["ofm"] for pair in pairwise(frames)]
    assert values(frames)["ofm"] == pytest.approx(np.mean(steps), rel=1e-6)


def test_one_frame_has_no_smoothness():
    with pytest.raises(NotComputed, match="two frames"):
        values([picture()])


def test_spread_of_arrays_that_stream_by():
    parts = np.random.default_rng(0).normal(3, 2, (4, 10, 10))
    spread = Spread()
    for part in parts:
        spread.update(part)
    assert (spread.mean, spread.deviation) == (pytest.approx(parts.mean()), pytest.approx(parts.std()))
