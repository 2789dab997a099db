"""Landmarks as the network takes them; what published files hold is a parity case."""

import numpy as np

from models.difftalk.points import SEEN, condition


def some(size: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, size, (68, 2))


def test_neither_mouth_nor_lower_jaw_is_seen():
    assert len(SEEN) == 39
    mouth, lower_jaw = range(48, 68), range(4, 13)
    assert not set(SEEN) & {*mouth, *lower_jaw}


def test_points_are_those_of_256_pixels_whatever_is_stored():
    points = some(256)
    for size in (128, 512):
        found = condition(np.stack([points, points]) * size / 256, size)
        assert found.dtype == np.float32
        assert found.shape == (2, 39, 2)
        np.testing.assert_allclose(found[1], points[SEEN], rtol=1e-6)
