import numpy as np
import pytest

from toolkit.faces import geometry


@pytest.fixture
def points() -> np.ndarray:
    """A face of known measures: eyes 100 apart and 6 of 20 open, inner lips 30 apart."""
    points = np.zeros((68, 2))
    for eye, left in ((geometry.LEFT_EYE, 0), (geometry.RIGHT_EYE, 80)):
        points[eye] = np.array([[0, 0], [6, -3], [14, -3], [20, 0], [14, 3], [6, 3]]) + np.array([left, 0])
    points[62], points[66] = [50, 60], [50, 90]
    return points


def test_measures_are_those_of_the_drawn_face_at_any_scale_and_with_leading_axes(points):
    track = np.stack([points, points * 3 + 7])
    np.testing.assert_allclose(geometry.inter_ocular(track), [100, 300])
    np.testing.assert_allclose(geometry.mouth_opening(track), [0.3, 0.3])
    np.testing.assert_allclose(geometry.eye_aspect_ratio(track), [0.3, 0.3])


def test_landmark_distance_is_in_inter_ocular_distances(points):
    np.testing.assert_allclose(geometry.landmark_distance(points + np.array([3, 4]), points), 0.05)


def test_the_parts_of_the_face_do_not_overlap_and_leave_nothing_out():
    parts = [
        "JAW",
        "LEFT_BROW",
        "RIGHT_BROW",
        "NOSE_BRIDGE",
        "NOSTRILS",
        "LEFT_EYE",
        "RIGHT_EYE",
        "OUTER_LIPS",
        "INNER_LIPS",
    ]
    numbers = [number for part in parts for number in range(geometry.POINTS)[getattr(geometry, part)]]
    assert numbers == list(range(68))
