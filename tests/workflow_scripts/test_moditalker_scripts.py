"""Landmarks of speech, and their way into a driving video, by the two scripts of MoDiTalker."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models.checkpoints import write_weights
from models.moditalker.presets import PRESETS
from models.system import Clip
from tests.heads import head
from toolkit.errors import InputError
from toolkit.faces.face3d import frontal, in_view, read_face3d
from toolkit.files import write_npz
from workflow_scripts.align_moditalker_motion import align
from workflow_scripts.learn_face3d_model import learn_face3d_model
from workflow_scripts.reconstruct_face3d import reconstruct_face3d
from workflow_scripts.sample_moditalker_motion import sample_motion

FRAMES = 12


@pytest.fixture
def clip(tmp_path) -> Clip:
    """A head of 12 frames, and one and a half seconds of sound with features."""
    transform, model, face3d = (tmp_path / name for name in ("a.npz", "model.npz", "face3d.npz"))
    ok = np.arange(FRAMES) > 1
    square = np.array([0, 0, 256])
    write_npz(transform, square=square, size=np.array(256), points=head(0, frames=FRAMES).points, ok=ok)
    learn_face3d_model([transform], model, tmp_path / "model.json")
    reconstruct_face3d(transform, face3d, tmp_path / "face3d.json", model="learned", sources=[model])
    soundfile.write(tmp_path / "b.wav", np.zeros(24_000), 16_000)
    np.save(tmp_path / "b.npy", np.random.default_rng(0).normal(size=(75, 1, 80)).astype(np.float32))
    files = {"transform": transform, "face3d": face3d, "audio": tmp_path / "b.wav", "speech": tmp_path / "b.npy"}
    return Clip("a", files)


@pytest.fixture
def weights(tmp_path) -> dict[str, Path]:
    torch.manual_seed(0)
    path = tmp_path / "atom.safetensors"
    write_weights(path, PRESETS["atom"]["debug"].build(80).state_dict(), {})
    return {"atom": path}


def motion(clip: Clip, output: Path, weights: dict[str, Path], **other) -> np.ndarray:
    settings = {"preset": "debug", "options": {"steps": 2}, "reference_frame": None, "seed": 0} | other
    sample_motion(clip, output, weights=weights, **settings)
    with np.load(output) as arrays:
        return arrays["motion"]


def test_a_motion_is_as_long_as_its_sound_and_decided_by_seed_and_reference(clip, weights, tmp_path):
    made = motion(clip, tmp_path / "motion.npz", weights)
    assert made.shape == (37, 68, 3)
    assert made.dtype == np.float32
    assert np.array_equal(motion(clip, tmp_path / "again.npz", weights), made)
    assert not np.array_equal(motion(clip, tmp_path / "other.npz", weights, seed=1), made)
    assert np.array_equal(
        motion(clip, tmp_path / "first.npz", weights, reference_frame=2), made
    )  # the first with a face
    assert not np.array_equal(motion(clip, tmp_path / "last.npz", weights, reference_frame=99), made)


def test_features_of_another_encoder_are_refused(clip, weights, tmp_path):
    np.save(clip["speech"], np.zeros((75, 1, 29), np.float32))
    with pytest.raises(InputError, match="29"):
        motion(clip, tmp_path / "motion.npz", weights)
    assert not (tmp_path / "motion.npz").exists()


def test_sound_that_is_shorter_than_a_frame_is_refused(clip, weights, tmp_path):
    soundfile.write(clip["audio"], np.zeros(600), 16_000)
    with pytest.raises(InputError, match=r"b\.wav: its sound lasts less than one video frame"):
        motion(clip, tmp_path / "motion.npz", weights)


@pytest.mark.parametrize(
    ("beyond", "behind"), [("hold", [*range(FRAMES), 11, 11]), ("ping_pong", [*range(FRAMES), 10, 9])]
)
def test_generated_landmarks_move_with_the_driving_head(clip, tmp_path, beyond, behind):
    face = read_face3d(clip["face3d"])
    write_npz(tmp_path / "motion.npz", motion=face.motion[np.zeros(len(behind), int)])
    align(tmp_path / "motion.npz", clip["face3d"], tmp_path / "points.npz", beyond=beyond, whole_numbers=False)
    with np.load(tmp_path / "points.npz") as arrays:
        points = arrays["points"]
    held = frontal(face.motion[[0]], face.mean)
    expected = in_view(held @ face.rotation[behind], face.scale[behind], face.centre[behind])
    assert points.shape == (len(behind), 68, 2)
    np.testing.assert_allclose(points, expected, atol=1e-3)
