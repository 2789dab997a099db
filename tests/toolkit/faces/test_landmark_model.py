"""The learned landmark model, on made-up heads of known shape, pose and mouth."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.heads import Head, head, shape
from toolkit.errors import InputError
from toolkit.faces.face3d import Face3D, frontal, in_view
from toolkit.faces.five_points import five_points
from toolkit.faces.geometry import mouth_opening
from toolkit.faces.landmark_model import LandmarkModel, fit, read_model, reconstruct, write_model

ALL = np.ones(80, bool)


@pytest.fixture(scope="module")
def model() -> LandmarkModel:
    return fit([(head(seed, noise=0.3).points, ALL) for seed in range(4)])


def angles(face: Face3D) -> np.ndarray:
    return Rotation.from_matrix(face.rotation.swapaxes(1, 2)).as_euler("xyz", degrees=True)


def landmarks(face: Face3D) -> np.ndarray:
    return frontal(face.motion, face.mean)


def projected(face: Face3D) -> np.ndarray:
    return in_view(landmarks(face) @ face.rotation, face.scale, face.centre)


def relief(shape: np.ndarray) -> float:
    """How far the nose stands out before the eyes, over their distance."""
    eyes = five_points(shape)[:2]
    return (shape[30, 2] - eyes[:, 2].mean()) / np.linalg.norm(eyes[0] - eyes[1])


@pytest.mark.parametrize("turns", [(2, 3, 3), (8, 35, 8)])
def test_a_frames_landmarks_in_its_pose_are_its_points(model, turns):
    seen = head(9, turns=turns, noise=0.7)
    face = reconstruct(model, seen.points, ALL)
    assert np.abs(projected(face) - seen.points).max() < 1e-3
    assert face.motion.shape == (80, 68, 3)
    assert face.model == "learned"
    assert np.allclose(face.rotation @ face.rotation.swapaxes(1, 2), np.eye(3), atol=1e-5)
    assert np.allclose(112 / face.scale, 110 + 5 * np.sin(np.arange(80) / 25), rtol=0.15)


def test_pose_and_mouth_are_the_true_ones(model):
    """The mouth opens as it does to 3 per cent, whichever way the head turns."""
    seen = head(9)
    face = reconstruct(model, seen.points, ALL)
    off = angles(face) - seen.angles
    assert (np.abs(off.mean(0)) < 3).all()
    assert (off.std(0) < (1.5, 2, 0.5)).all()
    found, true = mouth_opening(landmarks(face)[..., :2]), mouth_opening(seen.landmarks[..., :2])
    assert np.abs(found - true).max() < 0.03 * true.max()
    assert np.corrcoef(found, true)[0, 1] > 0.999
    assert np.ptp(true) > 0.2


def test_faces_without_pose_stand_still_while_the_head_turns(model):
    """What the turn does to the points of nose and eyes is not taken for motion."""
    seen: Head = head(5, turns=(4, 12, 6))
    steady = [27, 28, 29, 30, 33, 36, 39, 42, 45]
    moved = landmarks(reconstruct(model, seen.points, ALL))[:, steady].std(0).max()
    unturned = seen.points / seen.scale[:, None, None]
    plain = (unturned - unturned.mean(1, keepdims=True))[:, steady].std(0).max()
    assert moved < 0.25 * plain


def test_depth_is_what_turning_heads_show_and_else_the_prior():
    """The heads are deeper by a fifth than the prior."""
    true = relief(head(0).landmarks[0])
    found = {
        turn: relief(fit([(head(seed, turns=(turn / 4, turn, 3)).points, ALL) for seed in range(3)]).mean)
        for turn in (1, 35)
    }
    assert found[35] == pytest.approx(true, rel=0.1)
    assert found[1] == pytest.approx(true / 1.2, rel=0.1)


def test_a_chin_that_sinks_when_the_head_nods_is_no_deep_one():
    """Lips and chin move by themselves, so that small turns say little of their depth."""
    points = head(0, turns=(0.2, 1, 1), nods=1).points
    face = reconstruct(fit([(points, ALL)]), points, ALL)
    found = landmarks(face).mean(0)
    deep = found[[57, 66, 8], 2] - found[[51, 62, 33], 2]
    true = shape(0, relief=1)
    assert deep == pytest.approx(true[[57, 66, 8], 2] - true[[51, 62, 33], 2], abs=0.06)


def test_the_mean_is_a_face_in_the_units_of_face_models(model):
    left, right = five_points(model.mean)[:2]
    assert np.linalg.norm(left - right) == pytest.approx(0.63, abs=0.02)
    assert left[0] < 0 < right[0]
    assert model.mean[8, 1] < model.mean[30, 1] < model.mean[27, 1], "y is up"
    assert model.mean[0, 2] < model.mean[36, 2] < model.mean[30, 2], "z is towards the camera"


def test_components_are_those_of_the_frames(model):
    flat = model.components.reshape(len(model.components), -1)
    assert np.allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-4)
    assert (np.diff(model.deviations) <= 0).all()
    seen = head(2)
    face = reconstruct(model, seen.points, ALL)
    rebuilt = np.einsum("tk,kpd->tpd", face.coefficients, model.components)
    assert np.linalg.norm(rebuilt - face.motion / 10) < 0.25 * np.linalg.norm(face.motion / 10)


def test_the_pose_trembles_less_than_the_landmarks(model):
    turns = (0.0, 0.0, 0.0)
    still = reconstruct(model, head(3, turns=turns, noise=1).points, ALL)
    alone = [reconstruct(model, head(3, turns=turns, noise=1).points[i : i + 1], ALL[:1]) for i in range(20)]
    tremble = np.abs(np.diff([angles(face)[0] for face in alone], axis=0)).mean()
    assert np.abs(np.diff(angles(still), axis=0)).mean() < 0.4 * tremble


def test_only_frames_with_a_face_teach():
    points, nowhere = head(1).points, np.zeros((80, 68, 2), np.float32)
    both = np.concatenate([points, nowhere])
    expected = fit([(points, ALL)])
    found = fit([(both, np.repeat([True, False], 80)), (nowhere, ~ALL)])
    assert np.allclose(found.mean, expected.mean, atol=1e-6)
    with pytest.raises(InputError, match="no frame of theirs shows a face"):
        fit([(nowhere, ~ALL)])


def test_a_single_picture_is_enough():
    seen = head(6, frames=1, turns=(0, 0, 0))
    face = reconstruct(fit([(seen.points, ALL[:1])]), seen.points, ALL[:1])
    assert face.coefficients.shape == (1, 0)
    assert np.abs(projected(face) - seen.points).max() < 1e-3


def test_frames_without_a_face_do_not_shape_the_head(model):
    points = np.concatenate([head(7).points, np.zeros((300, 68, 2)) + np.arange(68)[:, None]]).astype(np.float32)
    face = reconstruct(model, points, np.arange(380) < 80)
    alone = reconstruct(model, points[:80], ALL)
    np.testing.assert_allclose(face.motion[:80], alone.motion, atol=1e-4)


def test_long_clips_are_taken_in_blocks(model, monkeypatch):
    seen = head(4, frames=90)
    whole = reconstruct(model, seen.points, np.ones(90, bool))
    monkeypatch.setattr("toolkit.faces.landmark_model.BLOCK", 40)
    parts = reconstruct(model, seen.points, np.ones(90, bool))
    assert np.abs(projected(parts) - seen.points).max() < 1e-3
    assert np.abs(angles(parts) - angles(whole)).max() < 2


def test_a_model_is_read_as_it_was_written(model, tmp_path):
    write_model(tmp_path / "model.npz", model)
    for found, expected in zip(read_model(tmp_path / "model.npz"), model, strict=True):
        np.testing.assert_array_equal(found, expected)
