"""The stages that find landmarks and cut faces, on a clip of the astronaut portrait that sways."""

import cv2
import numpy as np
import pytest
from skimage import data

from toolkit.errors import InputError
from toolkit.faces.crop import Square, crop_frame, to_frame
from toolkit.faces.geometry import landmark_distance
from toolkit.media.frames import FrameReader, read_frames
from toolkit.media.writer import write_video
from workflow_scripts.crop_faces import crop_faces
from workflow_scripts.detect_landmarks import detect_landmarks

FRAMES = 30


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A 400 x 320 clip and its landmarks."""
    folder = tmp_path_factory.mktemp("clip")
    picture = data.astronaut()[:400, 60:460]
    moves = [np.float32([[1, 0, 10 * np.sin(number / 5)], [0, 1, -40]]) for number in range(FRAMES)]
    write_video(folder / "clip.mp4", (cv2.warpAffine(picture, move, (400, 320)) for move in moves))
    detect_landmarks(folder / "clip.mp4", folder / "clip.npz")
    return folder


def test_landmarks_are_written_in_the_form_that_the_stages_share(clip):
    with np.load(clip / "clip.npz", allow_pickle=False) as arrays:
        shapes = {name: (arrays[name].shape, arrays[name].dtype) for name in arrays.files}
        assert arrays["ok"].all()
    assert shapes == {
        "points": ((FRAMES, 68, 2), np.float32),
        "box": ((FRAMES, 4), np.float32),
        "score": ((FRAMES,), np.float32),
        "ok": ((FRAMES,), bool),
    }


def test_smoothed_landmarks_are_steadier_and_the_same_face(clip, tmp_path):
    detect_landmarks(clip / "clip.mp4", tmp_path / "smooth.npz", smoothing=1.5)
    rough, steady = (np.load(path)["points"] for path in (clip / "clip.npz", tmp_path / "smooth.npz"))
    shake = [np.linalg.norm(np.diff(points, 2, axis=0), axis=-1).mean() for points in (rough, steady)]
    assert shake[1] < 0.5 * shake[0]
    assert landmark_distance(steady, rough).mean() < 0.02


@pytest.mark.parametrize("size", [128, 256])
def test_crops_show_the_square_and_their_landmarks_lead_back(clip, tmp_path, size):
    crop_faces(clip / "clip.mp4", clip / "clip.npz", tmp_path / "crop.mp4", tmp_path / "crop.npz", size=size)
    with np.load(tmp_path / "crop.npz", allow_pickle=False) as arrays, np.load(clip / "clip.npz") as landmarks:
        square = Square(*arrays["square"].tolist())
        assert arrays["size"] == size
        assert arrays["points"].dtype == np.float32
        np.testing.assert_allclose(to_frame(arrays["points"], square, size), landmarks["points"], atol=1e-3)
        np.testing.assert_array_equal(arrays["ok"], landmarks["ok"])
        assert (arrays["points"] > 0).all()
        assert (arrays["points"] < size).all()
    with FrameReader(tmp_path / "crop.mp4") as crops:
        assert len(crops) == FRAMES
        source = list(read_frames(clip / "clip.mp4"))
        for number in (17, 3, FRAMES - 1):  # out of order: every frame is a key frame
            away = np.abs(crops[number].astype(int) - crop_frame(source[number], square, size))
            assert away.mean() < 3


def test_a_clip_without_a_face_is_named(tmp_path):
    write_video(tmp_path / "wall.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 5)
    with pytest.raises(InputError, match=r"wall\.mp4.*no face") as caught:
        detect_landmarks(tmp_path / "wall.mp4", tmp_path / "wall.npz")
    assert caught.value.remedy
    assert not (tmp_path / "wall.npz").exists()


def test_landmarks_of_another_clip_are_refused(clip, tmp_path):
    write_video(tmp_path / "short.mp4", list(read_frames(clip / "clip.mp4"))[:10])
    with pytest.raises(InputError, match="10 frames"):
        crop_faces(tmp_path / "short.mp4", clip / "clip.npz", tmp_path / "crop.mp4", tmp_path / "crop.npz")


def test_an_odd_size_is_refused_before_work_begins(clip, tmp_path):
    with pytest.raises(InputError, match="odd"):
        crop_faces(clip / "clip.mp4", clip / "clip.npz", tmp_path / "crop.mp4", tmp_path / "crop.npz", size=255)
