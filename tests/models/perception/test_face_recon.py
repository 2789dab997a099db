"""The regressor of 3D faces: published files, and a clip's frames in batches."""

import numpy as np
import pytest
import torch

from models.perception import face_recon
from tests.face_models import place_face_model
from tests.heads import head
from toolkit.errors import InputError
from toolkit.faces.five_points import five_points
from toolkit.faces.morphable import read_model, read_standard_points

SIZE, FRAMES = 256, 5


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    return place_face_model(tmp_path_factory.mktemp("face3d"))


@pytest.fixture(scope="module")
def network(placed):
    return face_recon.load(placed[2])


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return head(0, frames=FRAMES).points


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    small = np.random.default_rng(0).integers(0, 256, (FRAMES, 16, 16, 3), dtype=np.uint8)
    return list(small.repeat(16, 1).repeat(16, 2))


def found(placed, network, frames, points, ok):
    landmarks, standard = read_model(placed[0]).key_landmarks(), read_standard_points(placed[1])
    return face_recon.reconstruct(network, landmarks, standard, iter(frames), points, np.array(ok), SIZE)


def test_its_size_is_the_published_one():
    with torch.device("meta"):
        network = face_recon.FaceRecon()
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(24.03e6, rel=1e-3)


def test_batches_change_nothing_and_gaps_are_interpolated(placed, network, frames, points, monkeypatch):
    whole = found(placed, network, frames, points, [True] * FRAMES)
    monkeypatch.setattr(face_recon, "BATCH", 2)
    gap = found(placed, network, frames, points, [True, True, False, True, True])
    seen = [0, 1, 3, 4]
    np.testing.assert_allclose(gap.coefficients[seen], whole.coefficients[seen], atol=1e-4)
    np.testing.assert_allclose(gap.coefficients[2], whole.coefficients[[1, 3]].mean(0), atol=1e-4)
    assert np.abs(whole.coefficients[1] - whole.coefficients[0]).max() > 1e-3, "what is seen counts"
    assert whole.model == "bfm"
    assert whole.motion.shape == (FRAMES, 68, 3)
    assert whole.scale == pytest.approx(102 / 115, rel=0.2)
    np.testing.assert_allclose(whole.centre, five_points(points).mean(1))


def test_a_file_from_several_gpus_is_the_same_network(placed, network, tmp_path):
    content = torch.load(placed[2], weights_only=True)
    content["net_recon"] = {f"module.{name}": value for name, value in content["net_recon"].items()}
    torch.save(content, tmp_path / "epoch_20.pth")
    other = face_recon.load(tmp_path / "epoch_20.pth").state_dict()
    assert all(torch.equal(value, other[name]) for name, value in network.state_dict().items())


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "epoch_20.pth"
    with pytest.raises(InputError, match=r"there is no such file.*Deep3DFaceRecon_pytorch and place it at"):
        face_recon.load(path)
    torch.save({"net_recon": {"backbone.conv1.weight": torch.zeros(64, 3, 7, 7)}}, path)
    with pytest.raises(InputError, match="does not fit the network"):
        face_recon.load(path)
