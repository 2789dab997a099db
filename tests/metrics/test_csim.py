"""Whose face it is: the same, another's, nobody's, beside the real frame or the clip that the picture is from."""

from itertools import count

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from metrics import csim
from metrics.measure import MetricInputs
from metrics.metric import NotComputed
from metrics.scoring import score
from models.perception.arcface import aligned
from tests.small_graph import by_hand, write_graph
from toolkit.faces.detectors import get_detector
from toolkit.faces.identity import describe
from toolkit.faces.tracking import track
from toolkit.media.frames import read_frames
from toolkit.media.writer import write_video


@pytest.fixture(autouse=True)
def every_fifth(monkeypatch):
    """Frames are compared more often than in a score, so that few are enough."""
    monkeypatch.setattr(csim, "STRIDE", 5)


@pytest.fixture(scope="module")
def her():
    return np.ascontiguousarray(cv2.resize(astronaut()[12:204, 124:316], (256, 256)))


@pytest.fixture(scope="module")
def softer(her):
    return cv2.GaussianBlur(her, (0, 0), 1.5)


@pytest.fixture
def looked(monkeypatch):
    """The frames that the face detector has seen."""
    seen = []

    class Watched:
        def find(self, frame):
            seen.append(frame)
            return get_detector("dlib").find(frame)

        def fit(self, frame, box):
            return get_detector("dlib").fit(frame, box)

    monkeypatch.setattr(csim, "get_detector", lambda name: Watched())
    return seen


def beside(frames, reference, **given):
    """The measure after these frames, each with the reference's."""
    measure = csim.measure(MetricInputs(None, reference="real.mp4", **given))
    for pair in zip(frames, reference, strict=True):
        measure.update(*pair)
    return measure


def test_equal_pictures_are_described_once_and_others_each(her, softer, looked):
    still = beside([her.copy() for _ in range(11)], [her.copy() for _ in range(11)])
    assert len(looked) == 1
    assert still.result() == {"csim_dlib": pytest.approx(1)}
    assert still.counts()["csim_frames"] == 3
    beside([her] * 11, [softer] * 11)
    assert len(looked) == 1 + 2


def test_a_face_is_known_again(her, softer):
    measure = beside([softer] * 6, [her] * 6)
    [(name, value)] = measure.result().items()
    assert name == "csim_dlib"
    assert 0.97 < value < 1
    assert measure.counts() == {"csim_frames": 2, "csim_frames_without_face": 0}


def test_a_small_face_is_enlarged(her):
    small = cv2.resize(her, (64, 64), interpolation=cv2.INTER_AREA)
    assert beside([small], [her]).result()["csim_dlib"] > 0.95


def test_frames_without_a_face_are_left_out_and_counted(her, softer):
    black = np.zeros_like(her)
    measure = beside([softer] * 6, [her] * 5 + [black])
    assert measure.counts() == {"csim_frames": 1, "csim_frames_without_face": 1}
    assert measure.result()["csim_dlib"] > 0.97
    nobody = beside([her], [black])
    with pytest.raises(NotComputed, match="in any of 1 frames"):
        nobody.result()


def test_frames_beyond_the_references_end_are_not_missed(her):
    assert beside([her] * 11, [her] * 5 + [None] * 6).counts() == {"csim_frames": 1, "csim_frames_without_face": 0}


def test_both_networks_see_the_face_that_was_found_once(her, softer, looked, tmp_path):
    mirrored, mirrored_softer = (np.ascontiguousarray(picture[:, ::-1]) for picture in (her, softer))
    network = write_graph(tmp_path)
    measure = beside([softer] * 5 + [mirrored], [her] * 5 + [mirrored_softer], weights={"arcface": network})
    assert len(looked) == 4, "two frames of each side"
    pairs = [[(frame, points(frame)) for frame in pair] for pair in ((softer, her), (mirrored, mirrored_softer))]
    for name, descriptor in (("csim", lambda *face: by_hand(aligned(*face)[None])[0]), ("csim_dlib", describe)):
        cosines = [csim.cosine(*(descriptor(*face) for face in pair)) for pair in pairs]
        assert measure.result()[name] == pytest.approx(np.mean(cosines), abs=1e-6)
        assert cosines[0] < 0.999


def points(frame):
    boxes, _ = get_detector("dlib").find(frame)
    return get_detector("dlib").fit(frame, boxes[0])


def test_without_a_reference_the_persons_first_face_is_the_real_one(her, softer, looked):
    """Of an endless video no more is read than up to that face."""
    read = count()
    person = (her if number >= 10 else np.full_like(her, number) for number in read)
    measure = csim.Csim({"csim_dlib": describe}, person)
    assert next(read) == 11
    assert len(looked) == 11
    for frame in [softer] * 10 + [np.full_like(her, 255)]:
        measure.update(frame, None)
    assert len(looked) == 11 + 2, "equal pictures once"
    assert measure.counts() == {"csim_frames": 2, "csim_frames_without_face": 1}
    assert measure.result()["csim_dlib"] == beside([softer], [her]).result()["csim_dlib"]


def test_a_clip_that_shows_nobody(her):
    measure = csim.Csim({"csim_dlib": describe}, [np.zeros_like(her)] * 3)
    measure.update(her, None)
    with pytest.raises(NotComputed, match="no face in the picture's own clip"):
        measure.result()


def test_what_a_score_says_of_it(her, softer, tmp_path):
    write_video(tmp_path / "made.mp4", [softer] * 6)
    write_video(tmp_path / "real.mp4", [her] * 6)
    known = {"arcface": write_graph(tmp_path)}
    follow = {"track": lambda frames: track(frames, detector=get_detector("dlib"))}
    record = score(MetricInputs(tmp_path / "made.mp4", person=tmp_path / "real.mp4", weights=known), **follow).record
    assert 0 < record["metrics"]["csim"] < 1
    assert record["metrics"]["csim_dlib"] > 0.96
    assert record["left_out"]["psnr"] == "no reference video"
    assert record["weights"]["arcface"]["licence"] == "nobody's"
    assert "onnxruntime" in record["versions"]
    absent = {"arcface": "nobody placed it"}
    record = score(
        MetricInputs(tmp_path / "made.mp4", reference=tmp_path / "real.mp4", reasons=absent), **follow
    ).record
    assert record["left_out"]["csim"] == "nobody placed it"
    assert record["metrics"]["csim_dlib"] > 0.96
    record = score(MetricInputs(tmp_path / "made.mp4"), **follow).record
    assert record["left_out"]["csim_dlib"] == "no video of the person whose face it should be"


def test_real_people_are_told_apart(shared_data):
    """Frames of one clip against another moment of it, and against another person's."""
    clips = [shared_data / f"hdtf256/RD_Radio{number}_000.mp4" for number in (8, 22)]
    same, other = (csim.measure(MetricInputs(None, person=person)) for person in clips)
    for frame in list(read_frames(clips[0], 200, 211)):
        same.update(frame, None)
        other.update(frame, None)
    assert same.result()["csim_dlib"] > 0.95
    assert other.result()["csim_dlib"] < 0.94
