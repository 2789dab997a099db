import subprocess
import sys

import numpy as np
import pytest
from skimage import data

from toolkit.errors import InputError
from toolkit.faces.detectors import get_detector, shipped_file
from toolkit.faces.geometry import CHIN, inter_ocular, landmark_distance


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return data.astronaut()


def test_dlib_finds_the_astronaut_and_her_features(astronaut):
    dlib = get_detector("dlib")
    boxes, scores = dlib.find(astronaut)
    assert boxes.shape == (1, 4)
    assert scores[0] > 0.5
    points = dlib.fit(astronaut, boxes[0])
    assert points.dtype == np.float32
    assert 40 < inter_ocular(points) < 90
    assert points[36, 0] < points[45, 0]
    assert points[36, 1] < points[30, 1] < points[62, 1] < points[CHIN, 1]


def test_frames_with_gaps_between_their_rows_are_read_right(astronaut):
    """A decoder's frames are padded; dlib itself reads such arrays wrongly."""
    padded = np.zeros((512, 640, 3), np.uint8)[:, :512]
    padded[:] = astronaut
    assert not padded.flags.c_contiguous
    dlib = get_detector("dlib")
    (box,), _ = dlib.find(astronaut)
    np.testing.assert_array_equal(dlib.find(padded)[0], [box])
    np.testing.assert_array_equal(dlib.fit(padded, box), dlib.fit(astronaut, box))
    grey_with_gaps = padded[..., 1]
    assert landmark_distance(dlib.fit(grey_with_gaps, box), dlib.fit(astronaut, box)) < 0.02


def test_no_face_is_no_boxes():
    boxes, scores = get_detector("dlib").find(np.full((200, 200, 3), 128, np.uint8))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_unknown_detectors_and_files_are_named():
    with pytest.raises(InputError, match=r"mtcnn.*dlib, face_alignment"):
        get_detector("mtcnn")
    with pytest.raises(InputError, match=r"nothing\.dat"):
        shipped_file("nothing.dat")


def test_dlib_needs_no_torch_and_does_not_import_the_package_of_its_files():
    code = (
        "import sys; from toolkit.faces.detectors import get_detector; import toolkit.faces.tracking; get_detector('dlib');"
        "sys.exit(any(name in sys.modules for name in ('torch', 'face_recognition_models')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
