"""face-alignment without its weights: its own networks, filled with random numbers, loaded by its own code."""

import builtins

import cv2
import numpy as np
import pytest
from skimage import data

from toolkit.errors import InputError
from toolkit.faces.face_alignment_detector import AlignmentDetector


@pytest.fixture(scope="module")
def aligner(tmp_path_factory) -> AlignmentDetector:
    pytest.importorskip("face_alignment", reason="face-alignment is installed by hand")
    import torch
    from face_alignment.detection.sfd.net_s3fd import s3fd
    from face_alignment.models import FAN

    home = tmp_path_factory.mktemp("torch")
    weights = home / "checkpoints"
    weights.mkdir()
    before = torch.hub.get_dir()
    torch.manual_seed(0)
    torch.save(s3fd().state_dict(), weights / "s3fd-619a316812.pth")
    torch.save(FAN(4).state_dict(), weights / "2DFAN4-11f355bf06.pth.tar")
    torch.hub.set_dir(home)
    try:
        return AlignmentDetector()
    finally:
        torch.hub.set_dir(before)
        for file in weights.iterdir():
            file.unlink()


@pytest.mark.slow
def test_faces_of_several_frames_fitted_together_are_those_fitted_one_by_one(aligner):
    """The package's own single-picture call is the truth; one face is cut by its frame's edge."""
    frame = data.astronaut()
    frames = [cv2.resize(frame, (300, 300)), np.ascontiguousarray(frame[:, ::-1])]
    boxes = [np.array(box, np.float32) for box in ((105, 49, 156, 100), (430, 10, 500, 80))]
    together = aligner.fit_many(frames, boxes)
    for image, box, points in zip(frames, boxes, together, strict=True):
        (alone,) = aligner._net.get_landmarks_from_image(image, detected_faces=[box.tolist()])
        off = np.linalg.norm(points - alone, axis=-1)
        assert np.median(off) <= 2.0 * (box[2] - box[0]) * 2.05 / 256  # the package rounds its crops to whole pixels
    assert together.shape == (2, 68, 2)


@pytest.mark.slow
def test_frames_are_searched_in_one_batch(aligner):
    frame = cv2.resize(data.astronaut(), (128, 128))
    frames = [frame, np.ascontiguousarray(frame[:, ::-1])]
    aligner._net.face_detector.filter_threshold = 0.0  # random weights promise nothing
    together = aligner.find_many(frames)
    for image, (boxes, scores) in zip(frames, together, strict=True):
        alone = aligner._net.face_detector.detect_from_image(image)
        assert len(boxes) == len(alone) > 0
        np.testing.assert_allclose(scores, sorted((each[4] for each in alone), reverse=True), rtol=1e-3)
        assert boxes.shape == (len(scores), 4)


def test_a_missing_package_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "face_alignment":
            raise ImportError("No module named 'face_alignment'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install --no-deps face-alignment==1\.5\.0"):
        AlignmentDetector()


def test_missing_weights_say_where_to_put_them(monkeypatch, tmp_path):
    pytest.importorskip("face_alignment", reason="face-alignment is installed by hand")
    from urllib.error import URLError

    import torch

    def refused(*_):
        raise URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refused)
    monkeypatch.setattr("torch.hub.urlopen", refused)
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path)
    try:
        with pytest.raises(InputError, match=r"s3fd-619a316812\.pth.*checkpoints"):
            AlignmentDetector()
    finally:
        torch.hub.set_dir(before)
