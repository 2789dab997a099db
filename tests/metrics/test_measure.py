import numpy as np
import pytest

from metrics.measure import FrameMean
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


def test_frames_without_a_value_are_left_out_and_counted():
    def brightness(reference, generated):
        if generated.max() == 0:
            raise NotComputed("a black frame")
        return float(generated.mean())

    mean = FrameMean("brightness", brightness)
    for frame in (BLACK, BLACK + 10, BLACK, BLACK + 30):
        mean.update(frame, None)
    assert mean.result() == {"brightness": 20}
    assert mean.counts() == {"frames_without_brightness": 2}
    nothing = FrameMean("brightness", brightness)
    nothing.update(BLACK, None)
    with pytest.raises(NotComputed, match="a black frame"):
        nothing.result()
