import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from metrics.cpbd import cpbd, edges, measure, widths
from metrics.measure import MetricInputs
from metrics.metric import NotComputed


def step(width, dark=20.0, bright=220.0, size=128):
    """A vertical edge whose brightness rises over `width` pixels, among flat surroundings."""
    profile = np.interp(np.arange(size), [size / 2, size / 2 + width], [dark, bright])
    return np.tile(profile, (size, 1))


@pytest.mark.parametrize("length", [4, 6, 9])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_width_of_a_ramp_is_how_long_it_changes(length, sign):
    # The first step to either side is counted untested, so that two flat steps lie beyond nothing: from within, the ramp's own.
    picture = sign * step(length)
    middle = 64 + length // 2
    assert widths(picture)[30, middle] == length


def test_widths_against_a_walk_along_each_row():
    picture = np.random.default_rng(0).integers(0, 50, (20, 30)).astype(float)
    found = widths(picture)
    dy, dx = np.gradient(picture)
    for row, column in np.ndindex(20, 28):
        column += 1
        angle = 45 * round(np.degrees(np.arctan2(dy[row, column], dx[row, column])) / 45) if dx[row, column] else 0
        line = {0: picture[row], 180: -picture[row], -180: -picture[row]}.get(angle)
        expected = 0
        if line is not None:
            left, right = column - 1, column + 1
            while left > 0 and line[left - 1] < line[left]:
                left -= 1
            while right < 29 and line[right + 1] > line[right]:
                right += 1
            expected = right - left
        assert found[row, column] == expected, (row, column)


def test_edges_stand_where_the_brightness_changes_most():
    found = edges(step(1) + np.random.default_rng(0).normal(0, 0.5, (128, 128)))
    rows, columns = np.nonzero(found)
    assert set(columns) <= {63, 64, 65, 66}
    assert len(set(rows)) > 60
    assert not found[0].any()


def test_blur_lowers_the_share_of_sharp_edges():
    picture = cv2.cvtColor(astronaut()[:256, 100:356], cv2.COLOR_RGB2GRAY)
    shares = [cpbd(picture), *(cpbd(cv2.GaussianBlur(picture, (0, 0), sigma)) for sigma in (1, 2, 4))]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.4 > shares[1]
    assert shares[3] < 0.05


def test_a_flat_picture_has_no_sharp_edge_and_a_small_one_no_value():
    assert cpbd(np.full((128, 128), 80, np.uint8)) == 0
    with pytest.raises(NotComputed, match="60×128 has no block"):
        cpbd(np.zeros((128, 60), np.uint8))


def test_a_picture_that_is_held_counts_once_for_each_of_its_frames():
    picture = np.ascontiguousarray(astronaut()[:256, 100:356])
    blurred = cv2.GaussianBlur(picture, (0, 0), 1)
    shares = measure(MetricInputs(None))
    for frame in (picture, picture.copy(), blurred, picture):
        shares.update(frame, None)
    gray, soft = (cpbd(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) for frame in (picture, blurred))
    assert shares.result()["cpbd"] == pytest.approx((3 * gray + soft) / 4, rel=1e-12)
