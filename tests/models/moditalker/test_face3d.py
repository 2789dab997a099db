"""Landmarks of generated motion in a driving video's pose, and the landmark files of training."""

import numpy as np
import pytest

from models.moditalker.face3d import Face3D, align_motion, dataset_landmarks
from tests.face_models import face_model_arrays
from tests.heads import head
from toolkit.errors import InputError
from toolkit.faces.geometry import mouth_opening
from toolkit.faces.landmark_model import fit, reconstruct
from toolkit.faces.morphable import build_model

ALL = np.ones(80, bool)


@pytest.fixture(scope="module")
def faces() -> list[tuple[np.ndarray, Face3D]]:
    """Points and 3D faces of two heads."""
    points = [head(seed).points for seed in (0, 1)]
    model = fit([(each, ALL) for each in points])
    return [(each, reconstruct(model, each, ALL)) for each in points]


def test_a_videos_own_motion_gives_back_its_points_in_any_order(faces):
    points, face = faces[0]
    frames = np.array([5, 70, 5, 6])
    aligned = align_motion(face.motion[frames], face, frames)
    assert aligned.dtype == np.float32
    assert np.abs(aligned - points[frames]).max() < 1e-3


def test_anothers_motion_brings_the_mouth_and_leaves_pose_and_place(faces):
    (_, speaker), (points, driving) = faces
    frames = np.zeros(80, int)
    aligned = align_motion(speaker.motion, driving, frames)
    true = mouth_opening((speaker.motion / 10 + speaker.mean)[..., :2])
    assert np.corrcoef(mouth_opening(aligned), true)[0, 1] > 0.99
    eyes = aligned[:, [36, 45]].mean(1)
    assert np.abs(eyes - points[0, [36, 45]].mean(0)).max() < 8


def test_landmarks_can_be_cut_as_published_where_there_is_a_translation(faces):
    _, face = faces[0]
    motion, frames = face.motion[:4], np.arange(4)
    published = face._replace(coefficients=np.zeros((80, 257), np.float32), model="bfm")
    exact, cut = (align_motion(motion, published, frames, truncated) for truncated in (False, True))
    assert 0.1 < np.abs(exact - cut).max() < 2.1 / face.scale.min()
    with pytest.raises(InputError, match="the learned model has no translation"):
        align_motion(motion, face, frames, truncated=True)


def test_the_files_of_training_hold_together():
    generator = np.random.default_rng(0)
    coefficients = generator.normal(0, 0.1, (3, 257)).astype(np.float32)
    landmarks = build_model(face_model_arrays()).key_landmarks()
    scale, centre = np.array([0.5, 1, 2]), np.full((3, 2), 120.0)
    found = dataset_landmarks(coefficients, landmarks, scale, centre)
    assert found.unposed == pytest.approx(landmarks.motion(coefficients) / 10 + landmarks.mean, abs=1e-6)
    gaps = [np.linalg.norm(np.diff(each[:, [36, 45]], axis=1), axis=-1) for each in (found.unposed, found.posed)]
    assert gaps[0] == pytest.approx(gaps[1], rel=1e-5)
    wide = np.ptp(found.points[..., 0], axis=1) / np.ptp(found.posed[..., 0], axis=1)
    assert wide == pytest.approx(112 / scale, rel=1e-5)
