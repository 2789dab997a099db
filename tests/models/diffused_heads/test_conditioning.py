"""What stands in the motion frames and the speech window, at both ends of a clip and in the shortest."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from models.diffused_heads.conditioning import blurred, motion_numbers, motion_picture, speech_numbers

PICTURES = torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("target", "identity", "expected"),
    [(0, 5, [5, 5]), (1, 5, [5, 0]), (2, 5, [0, 1]), (9, 5, [7, 8]), (1, 0, [0, 0]), (0, 0, [0, 0])],
)
def test_before_the_clip_stands_the_identity(target, identity, expected):
    assert motion_numbers(target, identity).tolist() == expected


@pytest.mark.parametrize(("count", "expected"), [(1, [0]), (3, [8, 8, 0]), (4, [8, 8, 8, 0])])
def test_any_number_of_motion_frames_stands_in_order_of_time(count, expected):
    assert motion_numbers(1, 8, count).tolist() == expected


@pytest.mark.parametrize(
    ("frame", "length", "expected"),
    [
        (0, 9, [0, 0, 0, 1, 2]),
        (1, 9, [0, 0, 1, 2, 3]),
        (4, 9, [2, 3, 4, 5, 6]),
        (7, 9, [5, 6, 7, 8, 8]),
        (8, 9, [6, 7, 8, 8, 8]),
        (0, 1, [0, 0, 0, 0, 0]),
        (0, 2, [0, 0, 0, 1, 1]),
        (1, 2, [0, 0, 1, 1, 1]),
    ],
)
def test_beyond_a_clip_its_first_and_last_speech_is_repeated(frame, length, expected):
    assert speech_numbers(frame, length).tolist() == expected


def test_the_window_has_the_reach_asked_for():
    assert speech_numbers(3, 9, reach=1).tolist() == [2, 3, 4]
    assert speech_numbers(0, 9, reach=0).tolist() == [0]


def test_motion_pictures_in_colour_are_the_frames():
    assert motion_picture(PICTURES, 3) is PICTURES


def test_motion_pictures_in_grey_have_the_weights_of_the_eye():
    grey = motion_picture(PICTURES, 1)
    assert grey.shape == (2, 1, 9, 7)
    for channel, weight in enumerate((0.2989, 0.587, 0.114)):
        only = torch.zeros(1, 3, 2, 2)
        only[:, channel] = -1
        assert motion_picture(only, 1).unique().item() == pytest.approx(-weight)
    torch.testing.assert_close(grey[:, 0], 0.2989 * PICTURES[:, 0] + 0.587 * PICTURES[:, 1] + 0.114 * PICTURES[:, 2])


def test_blur_is_a_mirrored_gaussian_of_five_pixels():
    line = np.exp(-((np.arange(5) - 2) ** 2) / 8)
    kernel = np.outer(line, line) / line.sum() ** 2
    wanted = [[correlate(channel.numpy(), kernel, mode="mirror") for channel in picture] for picture in PICTURES]
    torch.testing.assert_close(blurred(PICTURES), torch.tensor(np.array(wanted)), rtol=1e-5, atol=1e-6)


def test_blur_leaves_an_even_picture():
    even = torch.full((1, 1, 8, 8), -0.7)
    torch.testing.assert_close(blurred(even), even)
