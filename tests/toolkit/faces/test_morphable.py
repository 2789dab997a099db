"""The Basel face model: poses and camera of known truth, and files that cannot be used."""

import numpy as np
import pytest
from scipy.io import savemat

from tests.face_models import face_model_arrays, place_face_model
from tests.heads import shape
from toolkit.errors import InputError
from toolkit.faces.five_points import five_points
from toolkit.faces.morphable import (
    COEFFICIENTS,
    Coefficients,
    build_model,
    pose,
    project,
    read_model,
    read_standard_points,
    rotation,
)


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    return place_face_model(tmp_path_factory.mktemp("face3d"))


def coefficients(**parts: list[float]) -> np.ndarray:
    """One frame's: zeros but for the `parts`' first values."""
    values = np.zeros((1, COEFFICIENTS), np.float32)
    for name, part in parts.items():
        getattr(Coefficients.of(values), name)[0, : len(part)] = part
    return values


def test_turns_are_right_handed_about_x_then_y_then_z():
    quarter = np.pi / 2
    turned = np.eye(3) @ rotation(np.array([[quarter, 0, 0], [0, quarter, 0], [0, 0, quarter]]))
    x, y, z = np.eye(3)
    assert turned == pytest.approx(np.array([[x, z, -y], [-z, y, x], [y, -x, z]]), abs=1e-12)
    assert x @ rotation(np.array([0, quarter, quarter])) == pytest.approx(-z, abs=1e-12)
    assert z @ rotation(np.array([0, quarter, quarter])) == pytest.approx(y, abs=1e-12)


def test_motion_takes_the_vertex_after_the_one_that_is_meant():
    arrays = face_model_arrays()
    model = build_model(arrays)
    still = coefficients()
    frontal = model.key_landmarks().frontal(still)[0]
    assert frontal == pytest.approx(arrays["meanshape"].reshape(-1, 3)[1:69])
    assert model.key_landmarks().motion(still).max() == 0
    seen = model.landmarks(still)[0]
    centred = arrays["meanshape"].reshape(-1, 3) - arrays["meanshape"].reshape(-1, 3).mean(0)
    assert seen == pytest.approx(1015 * centred[:68, :2] / (10 - centred[:68, 2:]) + 112, abs=1e-3)


def test_motion_is_ten_times_what_a_coefficient_does():
    arrays = face_model_arrays()
    found = build_model(arrays).key_landmarks().motion(coefficients(expression=[0, 2]))
    assert found[0] == pytest.approx(20 * arrays["exBase"].reshape(-1, 3, 64)[1:69, :, 1], abs=1e-5)


def test_what_comes_nearer_looks_larger():
    points = np.array([[[1, 1, 0.0], [-1, 1, 0]]], np.float32)
    near, far = (project(pose(points, coefficients(translation=[0, 0, z])) * [1, 1, -1] + [0, 0, 10]) for z in (2, -2))
    assert np.ptp(near[0, :, 0]) == pytest.approx(2 * 1015 / 8)
    assert np.ptp(far[0, :, 0]) == pytest.approx(2 * 1015 / 12)


def test_light_from_everywhere_shows_the_texture():
    model = build_model(face_model_arrays())
    bright = model.colour(coefficients())
    flat = np.pi / np.sqrt(4 * np.pi) * 0.8
    assert bright[0] == pytest.approx(flat * model.mean_texture / 255, rel=1e-4)


def test_files_are_read_as_placed(placed):
    model, arrays = read_model(placed[0]), face_model_arrays()
    assert model.mean.reshape(1, -1) == pytest.approx(arrays["meanshape"])
    assert model.triangles.min() == 0
    assert model.fans.max() == len(model.triangles)
    assert model.keypoints.tolist() == [*range(1, 69)]
    assert read_standard_points(placed[1]) == pytest.approx(five_points(shape(0)))


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"idBase": np.zeros((270, 79))}, r"its idBase is \(270, 79\) and not \(270, 80\)"),
        ({"keypoints": np.zeros((68, 1))}, r"its keypoints is \(68, 1\)"),
        ({"tri": np.array(["a"])}, "holds no array tri"),
    ],
)
def test_another_file_is_refused_with_what_is_wrong(tmp_path, other, problem):
    path = tmp_path / "BFM_model_front.mat"
    savemat(path, face_model_arrays() | other)
    with pytest.raises(InputError, match=problem) as caught:
        read_model(path)
    assert "drive.google.com" in caught.value.remedy
    assert str(path) in caught.value.remedy


def test_no_file_and_no_matlab_file_say_where_to_get_it(tmp_path):
    path = tmp_path / "similarity_Lm3D_all.mat"
    with pytest.raises(InputError, match=r"there is no such file.*17zp_zuUYAuieCWXerQkbp8SRSU4KJ8Fx and place it at"):
        read_standard_points(path)
    path.write_bytes(b"<html>Sign in</html>")
    with pytest.raises(InputError, match=r"cannot be read as a MATLAB file.*and place it at"):
        read_standard_points(path)
