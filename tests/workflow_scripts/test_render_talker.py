"""The synthetic talkers through the eyes of the tools that will measure them."""

import csv
from pathlib import Path

import numpy as np
import pytest

from toolkit.faces.detectors import get_detector
from toolkit.faces.geometry import eye_aspect_ratio, mouth_opening
from toolkit.files import read_json
from toolkit.media.audio import extract_sound, read_audio
from toolkit.media.frames import read_frames
from toolkit.media.probe import probe
from workflow_scripts.render_talker import render_talker

DEMO = Path(__file__).parents[2] / "demo"
CLIPS = ("plain_planets", "glasses_robot", "mirrored_maps")  # one per look; three voices
OPEN_EYE = 0.72  # of a clip's median eye aspect ratio: less is a blink


@pytest.fixture(scope="module", params=CLIPS)
def rendered(request, tmp_path_factory):
    """(video, truth, recording) of a clip of `demo/talkers.tsv`."""
    with (DEMO / "talkers.tsv").open(encoding="utf-8") as lines:
        row = next(row for row in csv.DictReader(lines, delimiter="\t") if row["clip"] == request.param)
    folder = tmp_path_factory.mktemp("talkers")
    video, truth, speech = folder / "talker.mp4", folder / "talker.json", DEMO / "speech" / f"{row['speech']}.flac"
    settings = {"clip": row["clip"], "look": row["look"], "seed": int(row["seed"])}
    render_talker(speech, speech.with_suffix(".json"), video, truth, **settings)
    return video, read_json(truth), speech


@pytest.fixture(scope="module")
def seen(rendered):
    """Landmarks (T, 68, 2) that dlib finds in every frame by itself."""
    dlib = get_detector("dlib")
    points = []
    for frame in read_frames(rendered[0]):
        boxes, _ = dlib.find(frame)
        assert len(boxes) == 1
        points.append(dlib.fit(frame, boxes[0]))
    return np.stack(points)


def test_the_truth_is_complete(rendered):
    video, truth, speech = rendered
    media = probe(video)
    frames = len(read_audio(speech)) // 640
    assert (media.width, media.height, media.fps) == (256, 256, 25)
    assert truth["frames"] == media.frames == frames
    assert {len(truth["mouth_opening"]), *(len(values) for values in truth["head"].values())} == {frames}
    assert truth["sentence"] == read_json(speech.with_suffix(".json"))["sentence"]
    assert 0 <= min(truth["mouth_opening"]) < 0.01
    assert 0.15 < max(truth["mouth_opening"]) < 0.3


def test_a_detector_sees_the_mouth_move_as_it_does(rendered, seen):
    truth = np.array(rendered[1]["mouth_opening"])
    measured = mouth_opening(seen)
    assert np.corrcoef(truth, measured)[0, 1] > 0.95
    assert 0.8 < measured.std() / truth.std() < 1.25


def test_a_detector_sees_every_blink_and_no_other(rendered, seen):
    ratio = eye_aspect_ratio(seen)
    shut = ratio < OPEN_EYE * np.median(ratio)
    times = (np.arange(len(shut)) + 0.5) / 25
    blinking = np.zeros_like(shut)
    for blink in rendered[1]["blinks"]:
        during = (times > blink["start"]) & (times < blink["end"])
        assert shut[during].sum() >= 2
        blinking |= during
    assert rendered[1]["blinks"]
    assert not shut[~blinking].any()


def test_the_video_says_that_it_is_synthetic(rendered):
    assert probe(rendered[0]).synthetic


def test_sound_and_picture_are_in_step(rendered, tmp_path):
    """The sound is the recording to a fraction of a millisecond, and lips are shut while the recording rests."""
    video, truth, speech = rendered
    media = probe(video)
    extract_sound(video, tmp_path / "sound.wav", zero=media.video_start, frames=truth["frames"])
    heard, spoken = read_audio(tmp_path / "sound.wav"), read_audio(speech)
    assert len(heard) == len(spoken)
    lags = range(-80, 81)
    likeness = [np.dot(heard[80:-80], spoken[80 + lag : len(spoken) - 80 + lag]) for lag in lags]
    assert abs(lags[int(np.argmax(likeness))]) <= 2

    opening = np.array(truth["mouth_opening"])
    loudness = np.sqrt((spoken.reshape(-1, 640) ** 2).mean(axis=1))
    shifted = [np.corrcoef(opening[5:-5], loudness[5 + lag : len(loudness) - 5 + lag])[0, 1] for lag in range(-5, 6)]
    assert abs(int(np.argmax(shifted)) - 5) <= 1
    assert max(shifted) > 0.5
