import math

import numpy as np
import pytest

from metrics.psnr import psnr


def test_psnr_of_a_known_difference():
    black = np.zeros((8, 6, 3), np.uint8)
    assert psnr(black, black + 255) == pytest.approx(0)
    assert psnr(black, black + 51) == pytest.approx(20 * math.log10(5))


def test_psnr_of_equal_frames_is_infinite_without_a_warning(recwarn):
    frame = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    assert psnr(frame, frame.copy()) == math.inf
    assert not recwarn.list


def test_pooled_psnr_of_a_clip_is_below_the_mean_over_its_frames():
    black = np.zeros((2, 8, 8, 3), np.uint8)
    clip = black.copy()
    clip[0] += 1
    clip[1] += 51
    mean = np.mean([psnr(*pair) for pair in zip(black, clip, strict=True)])
    assert psnr(black, clip) == pytest.approx(10 * math.log10(255**2 / ((1 + 51**2) / 2)))
    assert psnr(black, clip) < mean
