import subprocess

import av
import numpy as np
import pytest

from tests.toolkit.media.synthetic_clips import click_at, clicks, draw, number_in
from toolkit.media.audio import extract_sound, read_audio, write_audio
from toolkit.media.ffmpeg import executable
from toolkit.media.frames import read_frames
from toolkit.media.mux import mux
from toolkit.media.probe import probe
from toolkit.media.writer import write_video
from toolkit.timing import FPS

AAC_FRAME = 1024 / 48_000  # seconds


@pytest.mark.parametrize("frames", [1, 2, 24, 25, 77])
@pytest.mark.parametrize("seconds", [0.04, 1.0, 5.0])
def test_exactly_as_long_as_the_picture(tmp_path, frames, seconds):
    write_video(tmp_path / "v.mp4", map(draw, range(frames)), crf=18)
    write_audio(tmp_path / "a.wav", clicks([0.02], seconds, 16_000))
    mux(tmp_path / "v.mp4", tmp_path / "a.wav", tmp_path / "out.mp4", title="Synthetic", comment="by Talkflow")
    with av.open(str(tmp_path / "out.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (audio.codec_context.name, audio.codec_context.sample_rate) == ("aac", 48_000)
        assert (video.frames, video.start_time, audio.start_time) == (frames, 0, 0)
        assert video.duration * video.time_base * FPS == frames
        assert float(audio.duration * audio.time_base) == pytest.approx(frames / FPS, abs=AAC_FRAME)
        assert container.duration / 1e6 == pytest.approx(frames / FPS, abs=AAC_FRAME)
        assert (container.metadata["title"], container.metadata["comment"]) == ("Synthetic", "by Talkflow")
    assert [number_in(frame) for frame in read_frames(tmp_path / "out.mp4")] == list(range(frames))


def test_sound_is_in_step_and_silent_beyond_its_end(tmp_path):
    write_video(tmp_path / "v.mp4", map(draw, range(100)))
    write_audio(tmp_path / "a.wav", clicks([0.6], 1.0, 16_000))
    mux(tmp_path / "v.mp4", tmp_path / "a.wav", tmp_path / "out.mp4", title="t", comment="c")
    extract_sound(tmp_path / "out.mp4", tmp_path / "back.wav", zero=0.0, frames=100)
    samples = read_audio(tmp_path / "back.wav")
    assert click_at(samples) == pytest.approx(0.6, abs=0.002)
    assert np.abs(samples[18_000:]).max() < 0.001


def test_the_index_comes_first(tmp_path):
    write_video(tmp_path / "v.mp4", map(draw, range(10)))
    write_audio(tmp_path / "a.wav", clicks([0.1], 0.4, 16_000))
    mux(tmp_path / "v.mp4", tmp_path / "a.wav", tmp_path / "out.mp4", title="t", comment="c")
    content = (tmp_path / "out.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize(
    ("title", "comment"), [("a", "Synthetic: of a demo"), ("Synthetic: a", "b"), ("a", "no such thing")]
)
def test_a_synthetic_video_is_known_by_its_tag(tmp_path, title, comment):
    write_video(tmp_path / "v.mp4", map(draw, range(5)))
    write_audio(tmp_path / "a.wav", clicks([0.1], 0.2, 16_000))
    mux(tmp_path / "v.mp4", tmp_path / "a.wav", tmp_path / "out.mp4", title=title, comment=comment)
    subprocess.run([executable(), "-v", "error", "-i", tmp_path / "out.mp4", tmp_path / "again.mkv"], check=True)
    known = "Synthetic" in title + comment
    assert probe(tmp_path / "out.mp4").synthetic == probe(tmp_path / "again.mkv").synthetic == known
    assert not probe(tmp_path / "v.mp4").synthetic


def test_words_are_data(tmp_path):
    words = "Mädchen 'quoted' \"twice\"; $(touch x) = 1, [a]:b\\c"
    write_video(tmp_path / "v.mp4", map(draw, range(5)))
    write_audio(tmp_path / "a.wav", clicks([0.1], 0.2, 16_000))
    mux(tmp_path / "v.mp4", tmp_path / "a.wav", tmp_path / "out.mp4", title=words, comment=words)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["comment"] == words


def test_ffmpeg_itself_plays_it_to_the_end(tmp_path):
    write_video(tmp_path / "v.mp4", map(draw, range(50)))
    write_audio(tmp_path / "a.wav", clicks([0.1], 2.0, 16_000))
    mux(tmp_path / "v.mp4", tmp_path / "a.wav", tmp_path / "out.mp4", title="t", comment="c")
    command = [executable(), "-v", "error", "-xerror", "-i", str(tmp_path / "out.mp4"), "-f", "null", "-"]
    played = subprocess.run(command, capture_output=True, text=True, check=True)
    assert played.stderr == ""
