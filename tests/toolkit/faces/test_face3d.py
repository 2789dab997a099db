"""The file of 3D faces, and where frontal landmarks lie in a view."""

import numpy as np
import pytest

from tests.heads import shape
from toolkit.errors import InputError
from toolkit.faces.face3d import (
    Face3D,
    check_face3d_model,
    face3d_model,
    frontal,
    in_view,
    read_face3d,
    write_face3d,
)
from toolkit.faces.five_points import five_points


def faces(model: str, frames: int = 3) -> Face3D:
    generator = np.random.default_rng(0)
    values = [generator.normal(size=size) for size in ((68, 3), (3, 3), (), (2,))]
    repeated = (np.repeat(value[None], frames, 0) for value in values)
    return Face3D(*repeated, mean=shape(0), coefficients=generator.normal(size=(frames, 7)), model=model)


def test_what_is_written_is_read_in_single_precision(tmp_path):
    written = faces("learned")
    write_face3d(tmp_path / "a.npz", written)
    found = read_face3d(tmp_path / "a.npz")
    assert found.model == face3d_model(tmp_path / "a.npz") == "learned"
    for name in set(Face3D._fields) - {"model"}:
        value = getattr(found, name)
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, getattr(written, name), rtol=1e-6)


def test_weights_of_another_model_refuse_the_faces(tmp_path):
    write_face3d(tmp_path / "a.npz", faces("bfm"))
    check_face3d_model(tmp_path / "a.npz", "bfm", "mine.safetensors")
    with pytest.raises(InputError, match=r"a\.npz.*of the bfm model, but mine\.safetensors.*learned one") as caught:
        check_face3d_model(tmp_path / "a.npz", "learned", "mine.safetensors")
    assert "face3d: {model: learned}" in caught.value.remedy


@pytest.mark.parametrize("shift", [0, 3])
def test_the_view_shows_landmarks_scaled_upright_and_in_place(shift):
    posed = np.repeat(shape(0)[None], 2, 0) + shift
    points = in_view(posed, np.array([0.5, 2]), np.array([[100, 90], [50, 60.0]]))
    assert five_points(points).mean(1) == pytest.approx(np.array([[100, 90], [50, 60]]))
    assert np.diff(points[0, [36, 45], 0]) == pytest.approx(112 / 0.5 * np.diff(posed[0, [36, 45], 0]))
    assert np.ptp(points[0], axis=0) == pytest.approx(4 * np.ptp(points[1], axis=0))
    assert points[0, 8, 1] > points[0, 30, 1], "the chin is below the nose"


def test_truncation_is_by_whole_pixels_of_the_aligned_picture():
    posed = shape(0)[None].astype(np.float64)
    exact, cut = (in_view(posed, np.array([0.5]), np.array([[100, 90.0]]), truncated) for truncated in (False, True))
    assert 0.1 < np.abs(exact - cut).max() < 2 / 0.5
    steps = (cut - cut[:, :1]) * 0.5
    assert np.allclose(steps, steps.round())


def test_motion_is_ten_times_the_deviation():
    assert frontal(np.full((2, 68, 3), 5.0), np.ones((68, 3))) == pytest.approx(np.full((2, 68, 3), 1.5))
