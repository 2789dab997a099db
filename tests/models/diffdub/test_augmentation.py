"""The encoder's disturbed pictures: published ranges."""

import cv2
import numpy as np
import pytest

from models.diffdub import augmentation
from models.diffdub.augmentation import augment, jitter, warp


@pytest.fixture
def picture() -> np.ndarray:
    random = np.random.default_rng(0)
    return cv2.resize(random.integers(60, 190, (12, 12, 3)).astype(np.uint8), (128, 128), interpolation=cv2.INTER_CUBIC)


def test_pictures_stay_pictures_and_differ(picture):
    made = [augment(picture, np.random.default_rng(seed)) for seed in range(40)]
    assert all(image.shape == picture.shape and image.dtype == np.uint8 for image in made)
    # Left as it is, or only mirrored: (1 - 0.3) (1 - 0.1) (1 - 0.5) = 0.315 of all.
    plain = sum(any(np.array_equal(image, side) for side in (picture, picture[:, ::-1])) for image in made)
    assert 5 <= plain <= 21


def test_same_generator_same_picture(picture):
    first, again = (augment(picture, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, again)


def test_warp_always_moves_right_and_down_by_a_tenth_to_a_fifth():
    dot = np.zeros((129, 129, 3), np.uint8)
    cv2.circle(dot, (64, 64), 3, (255, 255, 255), -1)  # the centre, which turning and scaling leave in place
    for seed in range(50):
        rows, columns = np.nonzero(warp(dot, np.random.default_rng(seed))[..., 0] > 100)
        for moved in (rows.mean() - 64, columns.mean() - 64):
            assert 0.1 * 129 - 0.5 <= moved <= 0.2 * 129 + 0.5


def test_warp_turns_and_scales_within_its_limits():
    bar = np.zeros((257, 257, 3), np.uint8)
    cv2.line(bar, (78, 128), (178, 128), (255, 255, 255), 3)
    for seed in range(50):
        rows, columns = np.nonzero(warp(bar, np.random.default_rng(seed))[..., 0] > 100)
        right, left = columns.argmax(), columns.argmin()
        across, down = columns[right] - columns[left], rows[right] - rows[left]
        assert abs(np.degrees(np.arctan2(down, across))) < 22
        assert 100 * 0.9 - 6 <= np.hypot(across, down) <= 100 * 1.1 + 6  # with the line's width


def test_jitter_keeps_brightness_within_its_limits(picture):
    """Brightness alone moves the mean by 0.2, contrast and saturation leave it, hue moves it a little."""
    ratios = [jitter(picture, np.random.default_rng(seed)).mean() / picture.mean() for seed in range(60)]
    assert 0.7 < min(ratios) < 0.9
    assert 1.1 < max(ratios) < 1.3


@pytest.mark.parametrize("change", ["_brightness", "_contrast", "_saturation", "_hue"])
def test_no_change_of_zero(picture, change):
    colours = picture.astype(np.float32)
    np.testing.assert_allclose(getattr(augmentation, change)(colours, 0.0), colours, atol=0.02)


def test_hue_turns_the_circle():
    red = np.full((4, 4, 3), (200, 0, 0), np.float32)
    np.testing.assert_allclose(augmentation._hue(red, 1 / 3)[0, 0], (0, 200, 0), atol=0.1)
