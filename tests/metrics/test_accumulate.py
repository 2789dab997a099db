import numpy as np
import pytest

from metrics.accumulate import FrameMean
from metrics.metric import NotComputed
from metrics.psnr import psnr

BLACK = np.zeros((4, 4, 3), np.uint8)


def test_infinite_frames_are_left_out_of_the_mean_and_counted():
    mean = FrameMean("psnr", psnr)
    for frame in (BLACK, BLACK + 255, BLACK, BLACK + 255):
        mean.update(frame, BLACK)
    assert mean.result() == {"psnr": pytest.approx(0)}
    assert (mean.count, mean.infinite) == (2, 2)


def test_a_mean_of_nothing_is_no_number():
    mean = FrameMean("psnr", psnr)
    with pytest.raises(NotComputed, match="no frame"):
        mean.result()
    mean.update(BLACK, BLACK)
    with pytest.raises(NotComputed, match="all 1 frames are equal"):
        mean.result()
