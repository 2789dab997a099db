"""3D faces of clips, by the learned model and by the placed one: the same file format, and a record that says which."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.face_models import place_face_model
from tests.heads import head
from toolkit.faces.face3d import frontal, in_view, read_face3d
from toolkit.files import sha256, write_npz
from toolkit.media.writer import write_video
from workflow_scripts.learn_face3d_model import learn_face3d_model
from workflow_scripts.reconstruct_face3d import reconstruct_face3d

SIZE = 256


def transform(folder: Path, name: str, seed: int, frames: int, missing: tuple[int, ...] = ()) -> Path:
    ok = ~np.isin(np.arange(frames), missing)
    path = folder / f"{name}.npz"
    points = head(seed, frames=frames).points
    write_npz(path, square=np.array([0, 0, SIZE]), size=np.array(SIZE), points=points, ok=ok)
    return path


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def clips(tmp_path) -> list[Path]:
    return [transform(tmp_path, name, seed, 30, missing=(4,)) for seed, name in enumerate("ab")]


def test_faces_by_a_learned_model(clips, tmp_path):
    model, made = tmp_path / "face3d/model.npz", tmp_path / "face3d/b.npz"
    learn_face3d_model(clips, model, model.with_suffix(".json"))
    assert read(model.with_suffix(".json")) == {"model": "learned", "clips": ["a", "b"], "frames": 58}
    reconstruct_face3d(clips[1], made, made.with_suffix(".json"), model="learned", sources=[model])
    face = read_face3d(made)
    assert face.model == "learned"
    back = in_view(frontal(face.motion, face.mean) @ face.rotation, face.scale, face.centre)
    assert np.abs(back - head(1, frames=30).points).max() < 1e-2
    assert read(made.with_suffix(".json")) == {
        "model": "learned",
        "sources": {"model.npz": sha256(model)},
        "frames": 30,
        "without_face": 1,
    }


def test_faces_by_the_placed_model(tmp_path):
    sources, clip = place_face_model(tmp_path / "weights/face3d"), transform(tmp_path, "a", 0, 4, missing=(2,))
    noise = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8).repeat(16, 1).repeat(16, 2)
    write_video(tmp_path / "a.mp4", noise, intra=True)
    made = tmp_path / "face3d/a.npz"
    reconstruct_face3d(clip, made, made.with_suffix(".json"), model="bfm", sources=sources, view=tmp_path / "a.mp4")
    face = read_face3d(made)
    assert face.model == read(made.with_suffix(".json"))["model"] == "bfm"
    assert face.coefficients.shape == (4, 257)
    assert face.coefficients[2] == pytest.approx(face.coefficients[[1, 3]].mean(0), abs=1e-5)
    assert {part.shape for part in (face.motion, face.rotation, face.scale, face.centre)} == {
        *((4, 68, 3), (4, 3, 3), (4,), (4, 2))
    }
