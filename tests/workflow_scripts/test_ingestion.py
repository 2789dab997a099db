"""inspect_clip, resample_clip, extract_audio, extract_frames: from a user's file, good or bad, to the workflow's clip."""

import json
import logging
import shutil
from fractions import Fraction

import cv2
import numpy as np
import pytest
import soundfile
from skimage import data

from tests.toolkit.media.synthetic_clips import click_at, clicks, even_times, make_clip
from toolkit.errors import InputError
from toolkit.files import read_json
from toolkit.media.audio import read_audio
from toolkit.media.box import Box
from toolkit.media.frames import read_frames
from toolkit.timing import SAMPLES_PER_FRAME, frame_count
from workflow_scripts.extract_audio import extract_audio
from workflow_scripts.extract_frames import extract_frames
from workflow_scripts.inspect_clip import inspect_clip
from workflow_scripts.resample_clip import resample_clip

SECONDS = 4.0


@pytest.fixture(scope="module")
def face():
    """(256, 256, 3): the portrait that ships with scikit-image."""
    return np.ascontiguousarray(data.astronaut()[:256, 96:352])


@pytest.fixture(scope="module")
def talker(face, tmp_path_factory):
    """Four seconds of a face that sways, with a click."""
    times = even_times(30, SECONDS)
    pictures = [np.roll(face, round(6 * np.sin(time * 5)), axis=1) for time in times]
    path = tmp_path_factory.mktemp("talker") / "talker.mp4"
    noise = 0.05 * np.random.default_rng(0).standard_normal(round(SECONDS * 48_000)).astype(np.float32)
    options = {"preset": "veryfast", "movflags": "+faststart"}
    return make_clip(path, times, pictures=pictures, sound=clicks([1.5], SECONDS) + noise, options=options)


def judge(path, tmp_path, **settings) -> dict:
    inspect_clip(path, tmp_path / "verdict.json", clip="c", **settings)
    return read_json(tmp_path / "verdict.json")


def test_a_good_clip(talker, tmp_path, caplog):
    verdict = judge(talker, tmp_path)
    assert verdict["usable"]
    assert (verdict["problem"], verdict["remedy"]) == (None, None)
    assert verdict["faces"] == {"looked": 4, "found": 4}
    assert (verdict["clip"], verdict["video"], verdict["media"]["width"]) == ("c", str(talker), 256)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def faststart(path, made):
    """The same clip with its index first, so that a file cut short still opens."""
    import subprocess

    from toolkit.media.ffmpeg import executable

    command = [executable(), "-y", "-i", path, "-c", "copy", "-movflags", "+faststart", made]
    subprocess.run(command, check=True, capture_output=True)
    return made


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_mp4(talker, tmp_path, share):
    whole = faststart(talker, tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * share)])
    assert judge(tmp_path / "whole.mp4", tmp_path)["usable"]
    verdict = judge(tmp_path / "cut.mp4", tmp_path)
    assert not verdict["usable"]
    assert "truncated" in verdict["problem"]


def test_a_truncated_mkv(face, tmp_path):
    source = make_clip(tmp_path / "s.mkv", even_times(25, 4), pictures=[face] * 100, sound=clicks([1.0], 4))
    assert judge(source, tmp_path)["usable"]
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 6 // 10])
    verdict = judge(source, tmp_path)
    assert not verdict["usable"]
    assert "truncated" in verdict["problem"]


def test_an_mp4_without_its_index(talker, tmp_path):
    content = talker.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: content.index(b"moov") - 4])
    assert "its index (moov) is missing" in judge(tmp_path / "cut.mp4", tmp_path)["problem"]


def test_a_cut_before_the_damage_is_usable(talker, tmp_path):
    whole = faststart(talker, tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * 0.8)])
    assert judge(tmp_path / "cut.mp4", tmp_path, end=1.0)["usable"]


def test_scrambled_content(talker, tmp_path):
    content = bytearray(faststart(talker, tmp_path / "s.mp4").read_bytes())
    begin = content.index(b"mdat") + 4
    content[begin:] = np.random.default_rng(0).bytes(len(content) - begin)
    (tmp_path / "s.mp4").write_bytes(content)
    assert not judge(tmp_path / "s.mp4", tmp_path)["usable"]


def test_no_audio(face, tmp_path):
    source = make_clip(tmp_path / "s.mp4", even_times(25, 1), pictures=[face] * 25)
    assert "no audio track" in judge(source, tmp_path)["problem"]
    assert judge(source, tmp_path, needs=("video",))["usable"]


def test_no_video(tmp_path):
    source = make_clip(tmp_path / "s.mp4", None, sound=clicks([0.5], 1))
    assert "no video track" in judge(source, tmp_path)["problem"]
    verdict = judge(source, tmp_path, needs=("audio",))
    assert verdict["usable"]
    assert verdict["faces"] is None


def test_nobody_to_be_seen(tmp_path):
    source = make_clip(tmp_path / "s.mp4", even_times(25, 3), sound=clicks([0.5], 3))
    assert "no face is seen in 3 of 3 frames" in judge(source, tmp_path)["problem"]
    assert judge(source, tmp_path, max_missing=1.0)["usable"]


@pytest.mark.parametrize(("max_missing", "usable"), [(0.2, False), (0.5, True)])
def test_somebody_half_of_the_time(face, tmp_path, max_missing, usable):
    pictures = [face if number < 50 else np.zeros_like(face) for number in range(100)]
    source = make_clip(tmp_path / "s.mp4", even_times(25, 4), pictures=pictures, sound=clicks([0.5], 4))
    assert judge(source, tmp_path, max_missing=max_missing)["usable"] is usable


@pytest.mark.parametrize("content", [b"", b"hello\n", b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\n"])
def test_files_that_are_no_videos(tmp_path, content, caplog):
    (tmp_path / "s.mp4").write_bytes(content)
    verdict = judge(tmp_path / "s.mp4", tmp_path)
    assert not verdict["usable"]
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    line = record.getMessage()
    assert line == f"{tmp_path / 's.mp4'}: {verdict['problem']}. {verdict['remedy']}"
    assert "\n" not in line


def test_a_missing_file(tmp_path):
    assert "no such file" in judge(tmp_path / "absent.mp4", tmp_path)["problem"]


@pytest.mark.parametrize(("start", "end"), [(2.0, 1.0), (9.0, None), (9.0, 10.0), (1.0, 1.0)])
def test_an_impossible_cut(talker, tmp_path, start, end):
    assert not judge(talker, tmp_path, start=start, end=end)["usable"]


@pytest.mark.parametrize("aspect", [None, Fraction(2, 1)], ids=["square", "anamorphic"])
def test_a_face_must_be_seen_in_the_crop(face, tmp_path, aspect):
    wide = np.full((256, 768, 3), 110, np.uint8)
    wide[:, 512:] = face
    stored = cv2.resize(wide, (384, 256), interpolation=cv2.INTER_AREA) if aspect else wide
    clip = {"pictures": [stored] * 25, "sound": clicks([0.5], 1), "aspect": aspect}
    source = make_clip(tmp_path / "two.mp4", even_times(25, 1), **clip)
    assert judge(source, tmp_path, crop=Box(512, 0, 256, 256))["usable"]
    assert "no face is seen" in judge(source, tmp_path, crop=Box(0, 0, 256, 256))["problem"]
    assert "768 x 256 does not hold the crop" in judge(source, tmp_path, crop=Box(513, 0, 256, 256))["problem"]


def test_only_the_cut_is_decoded(talker, tmp_path):
    verdict = judge(talker, tmp_path, start=1.2, end=3.2)
    assert verdict["usable"]
    assert verdict["faces"]["looked"] == 2


def ingest(source, folder, **cut) -> dict:
    verdict = folder / "verdict.json"
    inspect_clip(source, verdict, clip="c", **cut)
    resample_clip(source, verdict, folder / "c.mp4", folder / "c.json", **cut)
    extract_audio(source, verdict, folder / "c.wav", clip_info=folder / "c.json", **cut)
    return read_json(folder / "c.json")


@pytest.mark.parametrize("kind", ["wav", "mp3", "mp4"])
def test_sound_in_a_file_of_its_own(face, tmp_path, kind):
    """It begins with the first picture, whatever the clocks of the two files say."""
    silent = make_clip(tmp_path / "s.mp4", [1.0 + time for time in even_times(25, 4)], pictures=[face] * 100)
    sound = tmp_path / f"sound.{kind}"
    if kind == "mp4":
        make_clip(sound, None, sound=clicks([1.5], 4))
    else:
        soundfile.write(sound, clicks([1.5], 4.0), 48_000)
    for start, end, click in ((None, None, 1.5), (1.0, 3.0, 0.5)):
        cut = {"start": start, "end": end}
        inspect_clip(silent, tmp_path / "verdict.json", clip="c", sound=sound, **cut)
        verdict = read_json(tmp_path / "verdict.json")
        assert verdict["usable"], verdict["problem"]
        assert verdict["sound"]["path"] == str(sound)
        resample_clip(silent, tmp_path / "verdict.json", tmp_path / "c.mp4", tmp_path / "c.json", **cut)
        extract_audio(sound, tmp_path / "verdict.json", tmp_path / "c.wav", clip_info=tmp_path / "c.json", **cut)
        samples = read_audio(tmp_path / "c.wav")
        assert samples.size == read_json(tmp_path / "c.json")["frames"] * SAMPLES_PER_FRAME
        assert click_at(samples) == pytest.approx(click, abs=0.003)


def test_sound_that_cannot_be_used_is_named(face, tmp_path):
    silent = make_clip(tmp_path / "s.mp4", even_times(25, 1), pictures=[face] * 25)
    (tmp_path / "sound.wav").write_text("this is no sound\n")
    verdict = judge(silent, tmp_path, sound=tmp_path / "sound.wav")
    assert not verdict["usable"]
    assert verdict["problem"].startswith(f"its sound file {tmp_path / 'sound.wav'} cannot be used: ")
    assert "no audio track" in judge(silent, tmp_path, sound=silent)["problem"]


@pytest.mark.parametrize("name", ["two words.mp4", 'it\'s "so";.mp4', "Füße 顔.mp4"])
def test_from_file_to_clip(talker, tmp_path, name):
    shutil.copy(talker, tmp_path / name)
    info = ingest(tmp_path / name, tmp_path)
    samples = read_audio(tmp_path / "c.wav")
    assert info["frames"] == frame_count(SECONDS) == len(list(read_frames(tmp_path / "c.mp4")))
    assert (info["fps"], info["source_fps"], info["av_offset"], info["rotation"]) == (25, 30, 0, 0)
    assert samples.size == info["frames"] * SAMPLES_PER_FRAME
    assert click_at(samples) == pytest.approx(1.5, abs=0.002)


def test_a_cut_clip(talker, tmp_path):
    info = ingest(talker, tmp_path, start=1.0, end=2.5)
    samples = read_audio(tmp_path / "c.wav")
    assert info["frames"] == frame_count(1.5)
    assert samples.size == info["frames"] * SAMPLES_PER_FRAME
    assert click_at(samples) == pytest.approx(0.5, abs=0.002)


def test_an_unusable_clip_stops_with_its_verdicts_line(tmp_path):
    (tmp_path / "s.mp4").write_text("hello")
    verdict = judge(tmp_path / "s.mp4", tmp_path)
    with pytest.raises(InputError) as caught:
        resample_clip(tmp_path / "s.mp4", tmp_path / "verdict.json", tmp_path / "c.mp4", tmp_path / "c.json")
    assert str(caught.value) == f"{verdict['video']}: {verdict['problem']}. {verdict['remedy']}"
    with pytest.raises(InputError, match="text file"):
        extract_audio(tmp_path / "s.mp4", tmp_path / "verdict.json", tmp_path / "c.wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.mp4", "verdict.json"]


def test_a_portrait_and_a_recording(face, tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), cv2.cvtColor(face, cv2.COLOR_RGB2BGR))
    soundfile.write(tmp_path / "speech.wav", clicks([0.3], 1.0), 48_000)
    assert judge(tmp_path / "face.png", tmp_path, needs=("video",))["faces"] == {"looked": 1, "found": 1}
    resample_clip(tmp_path / "face.png", tmp_path / "verdict.json", tmp_path / "c.mp4", tmp_path / "c.json")
    assert read_json(tmp_path / "c.json")["frames"] == 1
    assert judge(tmp_path / "speech.wav", tmp_path, needs=("audio",))["usable"]
    extract_audio(tmp_path / "speech.wav", tmp_path / "verdict.json", tmp_path / "all.wav")
    assert read_audio(tmp_path / "all.wav").size == 25 * SAMPLES_PER_FRAME
    extract_audio(tmp_path / "speech.wav", tmp_path / "verdict.json", tmp_path / "cut.wav", start=0.2, end=0.6)
    samples = read_audio(tmp_path / "cut.wav")
    assert (samples.size, round(click_at(samples), 2)) == (10 * SAMPLES_PER_FRAME, 0.1)


def test_frames_as_pictures(talker, tmp_path):
    ingest(talker, tmp_path, end=1.0)
    for _ in range(2):  # again over what is there
        extract_frames(tmp_path / "c.mp4", tmp_path / "frames" / "c")
    paths = sorted((tmp_path / "frames" / "c").iterdir())
    assert [path.name for path in paths] == [f"{number:06d}.jpg" for number in range(1, 26)]
    for path, frame in zip(paths, read_frames(tmp_path / "c.mp4"), strict=True):
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        assert np.abs(picture.astype(int) - frame).mean() < 3
    assert [path.name for path in (tmp_path / "frames").iterdir()] == ["c"]


def test_real_clips_are_usable(shared_data, tmp_path):
    clips = [
        *shared_data.glob("hdtf/*.mp4"),
        *shared_data.glob("wild/retalking*.mp4"),
        *shared_data.glob("wild/vox*.mp4"),
    ]
    assert len(clips) >= 5
    for clip in clips:
        verdict = judge(clip, tmp_path)
        assert verdict["usable"], (clip.name, verdict["problem"])
        json.dumps(verdict, allow_nan=False)
