"""What is not seen and what is painted; published pictures are parity cases."""

import numpy as np
import pytest

from models.difftalk.masks import blacked_out, kept, resized
from models.difftalk.points import NOSE_BASE, NOSE_TIP


@pytest.fixture
def points() -> np.ndarray:
    """A face in a picture of 200: the jaw a half circle under its ears, the nose in the middle."""
    points = np.full((68, 2), 100.0)
    angles = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([100 + 80 * np.cos(angles), 100 + 80 * np.sin(angles)], axis=1)
    points[NOSE_TIP] = (100, 91.9)
    points[NOSE_BASE] = (100, 110.2)
    return points


@pytest.mark.parametrize(("point", "row"), [(NOSE_TIP, 45), (NOSE_BASE, 55)])
def test_rows_from_a_point_down_are_black(points, point, row):
    picture = np.full((100, 100, 3), 200, np.uint8)
    masked = blacked_out(picture, points, 200, point)
    assert (masked[:row] == 200).all()
    assert not masked[row:].any()
    assert (picture == 200).all()


@pytest.mark.parametrize(("y", "white"), [(-5, 0), (500, 100)])
def test_points_outside_black_out_all_or_nothing(points, y, white):
    points[NOSE_TIP, 1] = y
    assert (blacked_out(np.full((100, 100, 3), 9, np.uint8), points, 200) > 0).all(axis=(1, 2)).sum() == white


def test_the_lower_face_is_painted(points):
    mask = kept(points, 200, 50)
    assert mask.shape == (50, 50)
    assert mask.dtype == np.float32
    assert set(np.unique(mask)) == {0, 1}
    assert mask[38, 25] == 0  # the mouth
    assert mask[20, 25] == 1  # the brows
    assert mask[47, 25] == 1  # under the chin
    assert mask[26, 25] == 1  # the nose above its base


def test_resizing_is_antialiased_and_leaves_what_fits():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(resized(picture, 64), picture)
    assert resized(picture, 16).std() < picture.std() / 2
    assert resized(picture[:, :, 0], 16).shape == (16, 16)
