import logging
import weakref
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from skimage import data

from toolkit.errors import InputError
from toolkit.faces.detectors import get_detector
from toolkit.faces.geometry import inter_ocular, landmark_distance
from toolkit.faces.tracking import Track, track
from toolkit.media.frames import read_frames

SIDE = 256


class Counting:
    """A detector that counts how often, and on how many pixels, it is asked to find faces."""

    batch = 1

    def __init__(self) -> None:
        self._detector = get_detector("dlib")
        self.finds = self.pixels = self.fits = 0

    def find(self, image):
        self.finds += 1
        self.pixels += image.shape[0] * image.shape[1]
        return self._detector.find(image)

    def fit(self, image, box):
        self.fits += 1
        return self._detector.fit(image, box)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A frame filled by one face of about 110 pixels."""
    return cv2.resize(data.astronaut()[:300, 90:390], (380, 380), interpolation=cv2.INTER_LINEAR)[20:276, 50:306].copy()


def swaying(picture: np.ndarray, frames: int) -> Iterator[np.ndarray]:
    """The picture, moved by up to 20 pixels, scaled by up to 15 % and turned by up to 8 degrees, once in 4 s."""
    side = picture.shape[0]
    for number in range(frames):
        phase = 2 * np.pi * number / 100
        motion = cv2.getRotationMatrix2D((side / 2, side / 2), 8 * np.sin(phase), 1 + 0.15 * np.sin(2 * phase))
        motion[:, 2] += 20 * np.sin(phase), 12 * np.sin(3 * phase)
        yield cv2.warpAffine(picture, motion, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def every_frame(frames) -> np.ndarray:
    """(T, 68, 2): the detector on every frame at full size, its strongest face."""
    dlib = get_detector("dlib")
    return np.array([dlib.fit(frame, dlib.find(frame)[0][0]) for frame in frames])


def centres(found: Track) -> np.ndarray:
    return (found.box[:, 0] + found.box[:, 2]) / 2


def test_a_swaying_face_is_followed_without_drift_by_few_looks(portrait):
    counting = Counting()
    found = track(swaying(portrait, 500), counting)
    assert found.ok.all()
    assert (found.score > 0).all()
    assert [column.dtype for column in found] == [np.float32, np.float32, np.float32, bool]
    assert [column.shape for column in found] == [(500, 68, 2), (500, 4), (500,), (500,)]
    assert counting.finds <= 500 / 12
    assert counting.pixels < 500 * SIDE * SIDE / 25
    assert counting.fits <= 1.1 * 500
    last = list(swaying(portrait, 500))[-50:]
    assert landmark_distance(found.points[-50:], every_frame(last)).mean() < 0.02
    box, again = found.box[3], found.box[403]  # the same picture, 16 s later
    assert np.abs(box - again).max() < 0.05 * (box[2] - box[0])


def test_only_a_few_frames_are_held_at_a_time(portrait):
    alive: list[weakref.ref] = []

    def frames():
        for frame in swaying(portrait, 100):
            assert sum(reference() is not None for reference in alive) <= 34  # two blocks
            alive.append(weakref.ref(frame))
            yield frame
            del frame

    assert len(track(frames(), get_detector("dlib")).ok) == 100


def test_frames_without_a_face_are_told_and_interpolated(portrait, caplog):
    frames = list(swaying(portrait, 60))
    empty = np.full_like(portrait, 90)
    frames[:3] = [empty] * 3
    frames[20:30] = [empty] * 10
    frames[55:] = [empty] * 5
    with caplog.at_level(logging.WARNING, logger="talkflow"):
        found = track(iter(frames), get_detector("dlib"))
    missing = np.r_[0:3, 20:30, 55:60]
    np.testing.assert_array_equal(np.flatnonzero(~found.ok), missing)
    assert "18 of 60" in caplog.text
    assert (found.score[missing] == 0).all()
    np.testing.assert_array_equal(found.points[:3], found.points[[3] * 3])
    np.testing.assert_array_equal(found.box[55:], found.box[[54] * 5])
    share = (np.arange(20, 30) - 19)[:, None, None] / 11
    between = found.points[19] + share * (found.points[30] - found.points[19])
    np.testing.assert_allclose(found.points[20:30], between, atol=1e-2)


def test_a_clip_without_a_face_is_refused(portrait):
    with pytest.raises(InputError, match="no face is seen in any of 4"):
        track([np.full_like(portrait, 90)] * 4, get_detector("dlib"))


def test_a_portrait_is_a_clip_of_one_frame(portrait):
    found = track([portrait], get_detector("dlib"))
    assert found.ok.tolist() == [True]


def pair(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.hstack([left, right])


def test_faces_are_counted_from_the_left_and_the_largest_is_the_default(portrait):
    small = cv2.copyMakeBorder(cv2.resize(portrait, (200, 200)), 28, 28, 28, 28, cv2.BORDER_REPLICATE)
    frames = [pair(small, portrait)] * 3
    dlib = get_detector("dlib")
    assert (centres(track(frames, dlib)) > SIDE).all()
    assert (centres(track(frames, dlib, face=0)) < SIDE).all()
    assert (centres(track(frames, dlib, face=1)) > SIDE).all()
    with pytest.raises(InputError, match=r"face 2: at most 2 faces"):
        track(frames, dlib, face=2)
    for wrong in (-1, "smallest"):
        with pytest.raises(InputError, match="no such choice"):
            track(frames, dlib, face=wrong)


def test_faces_too_small_for_the_reduced_frame_are_found_at_full_size(portrait):
    wide = np.full((1080, 1400, 3), 90, np.uint8)
    wide[300:556, 100:356] = portrait
    wide[200:712, 700:1212] = cv2.resize(portrait, (512, 512))
    found = track([wide] * 4, get_detector("dlib"), face=1)
    assert found.ok.all()
    assert (centres(found) > 700).all()
    small = track([wide[:, :600]] * 4, get_detector("dlib"))
    assert small.ok.all()
    assert (np.abs(centres(small) - 228) < 60).all()


def test_while_one_of_two_twins_is_away_the_track_waits(portrait):
    """Even a face that looks the same is not the one that was followed, where both were seen at once."""
    moving = list(swaying(portrait, 60))
    empty = np.full_like(portrait, 90)
    frames = [pair(empty if 20 <= number < 35 else frame, portrait) for number, frame in enumerate(moving)]
    found = track(frames, get_detector("dlib"), face=0)
    np.testing.assert_array_equal(np.flatnonzero(~found.ok), np.arange(20, 35))
    assert (centres(found) < SIDE).all()


class Batched(Counting):
    """dlib in the manner of a detector on a GPU: several frames at once."""

    batch = 8

    def find_many(self, images):
        assert len(images) <= self.batch
        return [self.find(image) for image in images]

    def fit_many(self, images, boxes):
        return np.array([self.fit(image, box) for image, box in zip(images, boxes, strict=True)])


def test_a_detector_that_works_in_batches_sweeps_all_frames(portrait):
    frames = list(swaying(portrait, 30))
    for number in (0, 11, 12):
        frames[number] = np.full_like(portrait, 90)
    batched = Batched()
    found = track(iter(frames), batched)
    np.testing.assert_array_equal(np.flatnonzero(~found.ok), [0, 11, 12])
    np.testing.assert_allclose(found.points[found.ok], every_frame(np.array(frames)[found.ok]))
    assert batched.finds == 30


def test_in_batches_the_track_waits_for_a_twin_too(portrait):
    empty = np.full_like(portrait, 90)
    frames = [pair(empty if 5 <= number < 12 else portrait, portrait) for number in range(20)]
    found = track(frames, Batched(), face=0)
    np.testing.assert_array_equal(np.flatnonzero(~found.ok), np.arange(5, 12))
    assert (centres(found) < SIDE).all()


@pytest.fixture(scope="module")
def speakers(shared_data) -> list[list[np.ndarray]]:
    """A second and a half of two people's faces, 256 x 256."""
    names = ("RD_Radio8_000", "RD_Radio13_000")
    return [list(read_frames(shared_data / "hdtf256" / f"{name}.mp4"))[:40] for name in names]


def test_after_a_cut_to_somebody_else_and_back_only_the_first_person_is_tracked(speakers):
    one, other = speakers
    frames = one[:15] + other[:15] + one[15:30]
    found = track(frames, get_detector("dlib"))
    np.testing.assert_array_equal(np.flatnonzero(~found.ok), np.arange(15, 30))
    assert landmark_distance(found.points[35:], every_frame(frames[35:])).mean() < 0.03


def test_of_two_people_side_by_side_the_one_who_leaves_and_returns_is_tracked(speakers):
    one, other = speakers
    away = np.full_like(one[0], 90)
    frames = [pair(away if 10 <= number < 22 else one[number], other[number]) for number in range(40)]
    found = track(frames, get_detector("dlib"), face=0)
    np.testing.assert_array_equal(np.flatnonzero(~found.ok), np.arange(10, 22))
    assert (centres(found) < SIDE).all()


def test_two_people_who_change_places_between_shots_are_not_mixed_up(speakers):
    one, other = speakers
    shots = [pair(one[number], other[number]) for number in range(12)]
    shots += [pair(other[number], one[number]) for number in range(12, 24)]
    found = track(shots, get_detector("dlib"), face=0)
    assert found.ok.all()
    assert (centres(found)[:12] < SIDE).all()
    assert (centres(found)[12:] > SIDE).all()


@pytest.mark.slow
@pytest.mark.parametrize("clip", ["hdtf/WDA_KatieHill_000", "hdtf256/RD_Radio42_000", "wild/retalking_1_22fps"])
def test_real_clips_give_the_points_of_a_detector_on_every_full_frame_for_an_eighth_of_the_looks(shared_data, clip):
    frames = list(read_frames(shared_data / f"{clip}.mp4"))[:120]
    counting = Counting()
    found = track(iter(frames), counting)
    assert found.ok.all()
    distance = landmark_distance(found.points, every_frame(frames))
    assert distance.mean() < 0.02
    assert (distance < 0.25).all()  # never another face
    assert counting.finds <= len(frames) / 6
    assert counting.pixels < sum(frame.shape[0] * frame.shape[1] for frame in frames) / 16
    assert counting.fits <= 1.15 * len(frames)
    assert (inter_ocular(found.points) > 20).all()
