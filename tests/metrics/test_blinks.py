"""Blinks of drawn tracks, and those of a synthetic talker, whose truth is known."""

from pathlib import Path

import numpy as np
import pytest

from metrics.blinks import compute, falls, limits_of_blinks, online, published_limits, tracks
from metrics.measure import Landmarks, MetricInputs, TrackedVideo
from metrics.metric import NotComputed
from toolkit.faces.detectors import get_detector
from toolkit.faces.geometry import eye_aspect_ratio
from toolkit.faces.tracking import track
from toolkit.files import read_json
from toolkit.media.frames import read_frames
from workflow_scripts.render_talker import render_talker

DEMO = Path(__file__).parents[2] / "demo"


def drawn(blinks, length=100, noise=0.0):
    """An eye aspect ratio of 0.3 that falls to 0.1 in 2 frames from each start, stays, and rises in 3 frames to each end."""
    ratio = np.full(length, 0.3) + np.random.default_rng(0).normal(0, noise, length)
    for start, end in blinks:
        times = np.arange(start, end + 1)
        ratio[times] = np.interp(times, [start, start + 2, end - 3, end], [0.3, 0.1, 0.1, 0.3])
    return ratio


def eyes(ratio):
    """Landmarks whose eyes have this aspect ratio."""
    points = np.zeros((len(ratio), 68, 2))
    for first in (36, 42):
        points[:, first + 3, 0] = 10
        points[:, [first + 1, first + 2], 1] = -5 * ratio[:, None]
        points[:, [first + 4, first + 5], 1] = 5 * ratio[:, None]
    return points


def values(ratio, ok=None):
    ok = np.ones(len(ratio), bool) if ok is None else ok
    return compute(TrackedVideo(MetricInputs("video"), Landmarks(eyes(ratio), ok), (256, 256), (0, 0)))


BLINKS = [(10, 18), (40, 47), (70, 80)]


def test_limits_are_where_the_eye_leaves_and_reaches_the_open_level():
    assert limits_of_blinks(drawn(BLINKS)).tolist() == [list(blink) for blink in BLINKS]


def test_the_published_limits_lose_blinks_of_a_flat_open_level():
    assert len(published_limits(drawn(BLINKS))) < len(BLINKS)


def test_blinks_a_second_and_their_median_duration():
    found = values(drawn(BLINKS))
    assert found["blinks"] == (pytest.approx(3 / 4), 4)  # in so many seconds
    assert found["blink_duration"] == (pytest.approx(8 / 25), pytest.approx([8 / 25, 7 / 25, 10 / 25]))


def test_falls_without_an_opening_between_are_one_blink():
    ratio = drawn([(10, 30)])
    ratio[20], ratio[21] = 0.19, 0.1  # stirs, below half way
    assert limits_of_blinks(ratio).tolist() == [[10, 30]]


def test_a_blink_that_does_not_end_lasts_to_the_end_of_the_track():
    assert limits_of_blinks(drawn([(90, 99)])[:96]).tolist() == [[90, 95]]


def test_open_eyes_do_not_blink():
    found = values(drawn([], noise=0.01))
    assert found["blinks"].value == found["blinks_published"].value == 0
    assert isinstance(found["blink_duration"], NotComputed)
    assert online(drawn([], noise=0.01)) == []


def test_short_gaps_are_bridged_and_long_ones_break_the_clip():
    ratio, ok = drawn(BLINKS), np.ones(100, bool)
    ok[25:28] = False
    assert [len(part) for part in tracks(Landmarks(eyes(ratio), ok))] == [100]
    ok[55:59] = False
    parts = tracks(Landmarks(eyes(ratio), ok))
    assert [len(part) for part in parts] == [55, 41]
    assert parts[0] == pytest.approx(ratio[:55])
    assert values(ratio, ok)["blinks"] == pytest.approx((3 / (96 / 25), 96 / 25))


def test_a_gap_in_a_blink_is_no_blink():
    """The frame after a gap is not compared with the one before it."""
    ratio, ok = np.r_[np.full(20, 0.3), np.full(20, 0.1)], np.ones(40, bool)
    ok[17:23] = False
    assert values(ratio, ok)["blinks"].value == 0


def test_what_comes_in_frame_by_frame_is_reported_when_the_eye_opens():
    assert [length for _, length in online(drawn(BLINKS))] == [7, 6, 9]


def test_the_blinks_of_a_synthetic_talker(tmp_path):
    """As many as it was drawn with, each where it was."""
    speech = DEMO / "speech/balloons.flac"
    video, truth = tmp_path / "talker.mp4", tmp_path / "talker.json"
    render_talker(speech, speech.with_suffix(".json"), video, truth, clip="talker", look="plain", seed=1)
    found = track(read_frames(video), get_detector("dlib"))
    [ratio] = tracks(Landmarks(found.points, found.ok))
    true = np.array([[blink["start"] * 25, blink["end"] * 25] for blink in read_json(truth)["blinks"]])
    assert len(true) >= 2
    for limits in (limits_of_blinks(ratio), published_limits(ratio)):
        assert limits[:, 0] == pytest.approx(true[:, 0], abs=3)
        assert limits[:, 1] == pytest.approx(true[:, 1], abs=4)


def test_eyes_have_the_ratio_that_they_are_drawn_with():
    ratio = drawn(BLINKS)
    assert eye_aspect_ratio(eyes(ratio)) == pytest.approx(ratio)
    assert falls(ratio).tolist() == [11, 41, 71]  # of two equal steps the later
