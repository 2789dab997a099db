"""Face tracks, crops, and what becomes of clips that the published scripts drop."""

from types import SimpleNamespace

import numpy as np
import pytest

from metrics import syncnet_tracks
from metrics.lse import LipSync
from metrics.measure import MetricInputs
from metrics.syncnet_tracks import TrackedLipSync, face_crop, linked, overlap, smoothed
from tests.random_weights import random_network
from toolkit.media.frames import read_frames
from toolkit.media.writer import write_video


def box(x, y, side=40.0):
    return np.array([x, y, x + side, y + side])


def test_overlap_of_boxes():
    assert overlap(box(0, 0), box(0, 0)) == 1
    assert overlap(box(0, 0), box(20, 0)) == pytest.approx(1 / 3)
    assert overlap(box(0, 0), box(50, 50)) == 0


def test_two_faces_are_two_tracks_whatever_their_order():
    faces = [np.stack([box(t, 0), box(200 - t, 0)][:: 1 if t % 3 else -1]) for t in range(30)]
    one, other = sorted(linked(faces, [], 29), key=lambda track: track.boxes[0, 0])
    assert (one.start, one.stop, other.start, other.stop) == (0, 30, 0, 30)
    assert np.array_equal(one.boxes[:, 0], np.arange(30))
    assert np.array_equal(other.boxes[:, 0], 200 - np.arange(30))


def test_missed_faces_are_filled_by_straight_lines():
    faces = [np.zeros((0, 4)) if 10 <= t < 20 else box(0.5 * t, 0)[None] for t in range(40)]
    [track] = linked(faces, [], 29)
    assert np.allclose(track.boxes[:, 0], 0.5 * np.arange(40))
    assert linked(faces, [], 30) == [], "only faces that were seen count"


def test_a_long_gap_and_a_cut_end_a_track():
    faces = [box(0, 0)[None]] * 20 + [np.zeros((0, 4))] * 26 + [box(0, 0)[None]] * 20
    assert [(track.start, track.stop) for track in linked(faces, [], 10)] == [(0, 20), (46, 66)]
    steady = [box(0, 0)[None]] * 40
    assert [(track.start, track.stop) for track in linked(steady, [25], 10)] == [(0, 25), (25, 40)]


def test_a_steady_box_keeps_its_place_in_the_middle():
    places = smoothed(np.tile(box(100, 60), (30, 1)))
    assert np.allclose(places[6:-6], [120, 80, 20])


def test_crop_has_the_face_above_its_middle():
    frame = np.zeros((200, 200, 3), np.uint8)
    frame[90:110, 90:110] = 255
    crop = face_crop(frame, 100, 100, 50)
    rows, columns = np.nonzero(crop[..., 0] > 128)
    assert crop.shape == (224, 224, 3)
    assert rows.mean() == pytest.approx(224 * 50 / 140, abs=1)
    assert columns.mean() == pytest.approx(112, abs=1)
    assert (face_crop(frame, 100, 190, 50)[-1] == 110).all(), "grey beyond the frame"


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """A video of so many frames in which the faces of a list are "seen", and the measure after it has read them."""

    def make(count, found):
        pictures = np.random.default_rng(0).integers(0, 256, (12, 96, 128, 3), dtype=np.uint8)
        write_video(tmp_path / "scene.mp4", (pictures[0] // 2 + pictures[t % 12] // 4 for t in range(count)))
        seen = iter(found)
        scored = lambda network, frames, scale, threshold: [next(seen) for _ in frames]  # noqa: E731
        monkeypatch.setattr("models.perception.s3fd.find_faces", scored)
        sound = np.random.default_rng(1).normal(0, 0.1, 640 * count).astype(np.float32)
        given = MetricInputs(tmp_path / "scene.mp4", sound=sound)
        measure = TrackedLipSync(given, random_network("syncnet"), SimpleNamespace())
        for frame in read_frames(given.generated):
            measure.update(frame)
        return given, measure

    return make


def test_a_short_clip_is_scored_by_its_track(scene):
    """The published scripts give no value to it."""
    faces = [np.append(box(40, 20), 0.99)[None]] * 14
    given, measure = scene(14, faces)
    values = measure.result()
    assert measure.counts() == {"lse_tracks": 1, "lse_track_frames": 14}
    direct = LipSync(measure.network, given.sound)
    place = smoothed(np.stack([box(40, 20)] * 14))
    for number, frame in enumerate(read_frames(given.generated)):
        direct.update(face_crop(frame, *place[number]))
    assert values["lse_d_tracked"] == pytest.approx(direct.score().min_distance)


def test_a_clip_without_a_face_is_scored_as_it_is(scene):
    given, measure = scene(10, [np.zeros((0, 5))] * 10)
    values = measure.result()
    assert measure.counts() == {"lse_tracks": 0, "lse_track_frames": 0}
    direct = LipSync(measure.network, given.sound)
    for frame in read_frames(given.generated):
        direct.update(frame)
    assert list(values.values()) == pytest.approx(list(direct.result().values()))


def test_a_new_picture_is_a_cut():
    measure = TrackedLipSync(MetricInputs(None), None, None)
    measure._batches = SimpleNamespace(add=lambda frame: None)
    for shade in (20, 22, 200, 205):
        measure.update(np.full((64, 64, 3), [shade, 255 - shade, 90], np.uint8))
    assert measure.cuts == [2]


@pytest.mark.parametrize(("size", "scale"), [((128, 96), 2), ((256, 256), 1), ((512, 384), 0.5), ((1920, 1080), 0.25)])
def test_small_pictures_are_seen_large_enough(monkeypatch, size, scale):
    asked = []
    monkeypatch.setattr(
        "models.perception.s3fd.find_faces", lambda network, frames, scale, threshold: asked.append(scale) or []
    )
    measure = TrackedLipSync(MetricInputs(None), None, None)
    measure._find(np.zeros((1, size[1], size[0], 3), np.uint8))
    assert asked == [scale]
    assert max(size) * asked[0] >= syncnet_tracks.LONG_SIDE
