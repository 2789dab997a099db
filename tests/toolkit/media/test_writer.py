"""What the writer makes of a picture does not depend on how many threads convert it."""

import numpy as np
import pytest

from toolkit.media.writer import to_yuv


@pytest.mark.parametrize("size", [(256, 256), (270, 482)])
@pytest.mark.parametrize("threads", [None, 2, 3])
def test_one_thread_makes_the_pixels_that_several_make(size, threads):
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert np.array_equal(to_yuv(frame).to_ndarray(), to_yuv(frame, threads=threads).to_ndarray())
