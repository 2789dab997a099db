"""Five points and the picture that is aligned by them, where the truth is known."""

import numpy as np
import pytest

from tests.heads import shape
from toolkit.faces.five_points import Fit, align, align_points, fit, fit_landmarks, five_points, upwards


def test_the_five_points_are_eyes_nose_and_mouth():
    points = np.zeros((2, 68, 2))
    points[1, [36, 39], 0] = [2, 4]
    points[1, [30, 48, 54], 1] = [5, 6, 7]
    assert five_points(points)[1].tolist() == [[3, 0], [0, 0], [0, 5], [0, 6], [0, 7]]


def test_a_scaled_and_shifted_face_is_fitted_exactly():
    standard = five_points(shape(0))
    points = np.stack([40 * standard[:, :2] + [100, 80], 60 * standard[:, :2] + [90, 70]])
    found = fit(points, standard)
    assert found.scale == pytest.approx([40, 60])
    assert found.shift == pytest.approx(np.array([[100, 80], [90, 70]]))
    assert found.resize == pytest.approx([102 / 40, 102 / 60])


@pytest.mark.parametrize(("height", "width"), [(300, 260), (120, 400)])
def test_the_picture_shows_what_the_landmarks_say(height, width):
    """A bright square around the nose lies where the nose's landmark is, and beyond the frame it is black."""
    face = shape(0)
    up = 70 * face[:, :2] + [width / 2 + 11, height / 2 - 7]
    points = upwards(up, height)
    image = np.full((height, width, 3), 40, np.uint8)
    x, y = points[30].round().astype(int)
    image[y - 4 : y + 5, x - 4 : x + 5] = 255
    found = fit_landmarks(points, five_points(face), height)
    picture = align(image, found)
    assert picture.shape == (224, 224, 3)
    rows, columns = np.nonzero(picture[..., 0] > 150)
    aligned = align_points(points, found, height, width)
    assert columns.mean() == pytest.approx(aligned[30, 0], abs=1.5)
    assert 223 - rows.mean() == pytest.approx(aligned[30, 1], abs=1.5)
    assert aligned[30] == pytest.approx(112 + 102 * face[30, :2], abs=1.5)
    assert (picture == 0).any() == (height < 200)


def test_points_are_turned_over_and_back():
    points = np.array([[1.0, 2], [3, 4]])
    assert upwards(points, 10).tolist() == [[1, 7], [3, 5]]
    assert (upwards(upwards(points, 10), 10) == points).all()
    assert Fit(np.float64(51), np.zeros(2)).resize == 2
