import numpy as np
import pytest

from toolkit.faces.smoothing import running_mean, smooth


def faces(shifts: np.ndarray) -> np.ndarray:
    """(T, 68, 2) of one face (100 pixels between the eyes) moved to the right by `shifts`."""
    face = np.random.default_rng(2).uniform(0, 100, (68, 2))
    face[36], face[45] = [0, 50], [100, 50]
    moved = np.repeat(face[None], len(shifts), 0)
    moved[..., 0] += shifts[:, None]
    return moved.astype(np.float32)


def test_jitter_shrinks_and_a_still_face_stays():
    jitter = faces(np.random.default_rng(3).normal(0, 2, 200))
    ok = np.ones(200, bool)
    assert smooth(jitter, 2, ok)[:, 30, 0].std() < 0.5 * jitter[:, 30, 0].std()
    still = faces(np.zeros(20))
    np.testing.assert_allclose(smooth(still, 2, ok[:20]), still, atol=1e-4)


def test_no_smoothing_is_the_default_meaning_of_zero():
    points = faces(np.arange(10.0))
    assert smooth(points, 0, np.ones(10, bool)) is points


def test_nothing_crosses_a_gap():
    shifts = np.r_[np.zeros(10), np.full(5, 20.0), np.full(10, 40.0)]
    ok = np.r_[np.ones(10, bool), np.zeros(5, bool), np.ones(10, bool)]
    points = faces(shifts)
    np.testing.assert_allclose(smooth(points, 3, ok), points, atol=1e-4)


def test_nothing_crosses_a_cut():
    points = faces(np.r_[np.zeros(10), np.full(10, 300.0)])
    np.testing.assert_allclose(smooth(points, 3, np.ones(20, bool)), points, atol=1e-4)


@pytest.mark.parametrize(
    ("window", "where", "expected"),
    [
        (1, "centred", [0, 1, 4, 9, 16]),
        (3, "centred", [0, 5 / 3, 14 / 3, 29 / 3, 16]),
        (5, "centred", [0, 5 / 3, 6, 29 / 3, 16]),
        (9, "centred", [0, 5 / 3, 6, 29 / 3, 16]),
        (3, "forward", [5 / 3, 14 / 3, 29 / 3, 29 / 3, 29 / 3]),
        (2, "forward", [5 / 3, 14 / 3, 29 / 3, 29 / 3, 29 / 3]),
        (9, "forward", [6] * 5),
    ],
)
def test_running_means_and_the_ends(window, where, expected):
    squares = np.arange(5.0)[:, None] ** 2
    np.testing.assert_allclose(running_mean(squares, window, where)[:, 0], expected)


def test_running_means_of_an_hour_are_exact():
    shifts = np.random.default_rng(4).uniform(0, 2000, (90_000, 2))
    np.testing.assert_allclose(running_mean(shifts, 7)[80_000], shifts[79_997:80_004].mean(0), atol=1e-6)


def test_a_steady_motion_stays_where_it_is():
    line = np.arange(20.0)[:, None] * [3, -1]
    np.testing.assert_allclose(running_mean(line, 7), line, atol=1e-12)
    np.testing.assert_allclose(running_mean(line, 7, "forward")[:13], line[3:16], atol=1e-12)
