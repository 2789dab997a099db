import numpy as np
import pytest

from metrics.landmark_distance import METRICS, at_size, landmark_distances


@pytest.fixture
def landmarks():
    return np.random.default_rng(0).uniform(0, 255, (5, 68, 2))


def test_equal_landmarks_are_at_no_distance(landmarks):
    distances = landmark_distances(landmarks, landmarks)
    assert list(distances) == [metric.name for metric in METRICS]
    assert set(distances.values()) == {0.0}


def test_a_shift_counts_unless_centred(landmarks):
    distances = landmark_distances(landmarks, landmarks + np.array([3, 4]))
    assert distances["f_lmd"] == pytest.approx(5)
    assert distances["m_lmd"] == pytest.approx(5)
    for name in ("f_lmd_centred", "m_lmd_centred", "mouth_width_error", "mouth_opening_error"):
        assert distances[name] == pytest.approx(0, abs=1e-9)


def test_distance_over_the_eyes_is_free_of_size():
    reference = np.zeros((2, 68, 2))
    reference[:, 42:48, 0] = 40  # eye centres 40 pixels apart
    generated = reference.copy()
    generated[:, 48:68, 1] = 10
    for size in (1, 7):
        distances = landmark_distances(reference * size, generated * size)
        assert distances["mouth_over_eye_distance"] == pytest.approx(0.25)
        assert distances["m_lmd"] == pytest.approx(10 * size)
        assert distances["f_lmd"] == pytest.approx(10 * size * 20 / 68)
        assert distances["m_lmd_centred"] == pytest.approx(0)


def test_width_and_opening_errors_ignore_position_and_sign():
    reference = np.zeros((2, 68, 2))
    reference[:, 42:48, 0] = 40
    reference[:, 54, 0], reference[:, 66, 1] = 30, 8
    generated = reference + np.array([5, 5])
    generated[0, 54, 0] += 4
    generated[1, 54, 0] -= 2
    generated[:, 66, 1] -= 8
    distances = landmark_distances(reference, generated)
    assert distances["mouth_width_error"] == pytest.approx(3)
    assert distances["mouth_opening_error"] == pytest.approx(8)


def test_points_keep_to_pixel_centres_when_the_picture_is_resized():
    corners = np.array([[0.0, 0.0], [63.0, 31.0], [31.5, 15.5]])
    expected = [[1.5, 3.5], [253.5, 251.5], [127.5, 127.5]]
    np.testing.assert_allclose(at_size(corners, (64, 32)), expected)
    np.testing.assert_allclose(at_size(at_size(corners, (64, 32)), (256, 256), (64, 32)), corners)
