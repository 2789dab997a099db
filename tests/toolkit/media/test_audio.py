import numpy as np
import pytest
import soundfile

from tests.toolkit.media.synthetic_clips import click_at, clicks, even_times, make_clip
from toolkit.errors import InputError
from toolkit.media.audio import count_samples, extract_sound, read_audio, write_audio
from toolkit.timing import SAMPLES_PER_FRAME


def test_round_trip(tmp_path):
    samples = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    write_audio(tmp_path / "a.wav", samples)
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (16_000, 1, "PCM_16", 5000)
    assert count_samples(tmp_path / "a.wav") == 5000
    read = read_audio(tmp_path / "a.wav")
    assert read.dtype == np.float32
    assert np.abs(read - samples).max() <= 1 / 32_000


def test_loud_samples_are_clipped_not_wrapped(tmp_path):
    write_audio(tmp_path / "a.wav", np.array([2.0, -2.0], np.float32))
    assert read_audio(tmp_path / "a.wav") == pytest.approx([1, -1], abs=1e-4)


@pytest.mark.parametrize("frames", [10, 74, 75, 76, 200])
def test_padded_or_cut_at_the_end_alone(tmp_path, frames):
    source = make_clip(tmp_path / "s.mp4", even_times(25, 3), sound=clicks([0.2], 3))
    extract_sound(source, tmp_path / "a.wav", zero=0.0, frames=frames)
    samples = read_audio(tmp_path / "a.wav")
    assert samples.size == frames * SAMPLES_PER_FRAME
    assert click_at(samples) == pytest.approx(0.2, abs=0.002)
    assert not samples[3 * 16_000 + 2000 :].any()


def test_a_recording_is_rounded_to_whole_frames(tmp_path):
    for seconds, frames in [(1.01, 25), (1.03, 26)]:
        soundfile.write(tmp_path / "s.wav", clicks([0.5], seconds, 44_100), 44_100)
        extract_sound(tmp_path / "s.wav", tmp_path / "a.wav", zero=0.0)
        assert count_samples(tmp_path / "a.wav") == frames * SAMPLES_PER_FRAME
        assert click_at(read_audio(tmp_path / "a.wav")) == pytest.approx(0.5, abs=0.002)


def test_two_channels_are_averaged(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    soundfile.write(tmp_path / "s.wav", np.stack([tone, np.zeros_like(tone)], axis=1), 48_000)
    extract_sound(tmp_path / "s.wav", tmp_path / "a.wav", zero=0.0)
    assert np.abs(read_audio(tmp_path / "a.wav")).max() == pytest.approx(0.25, abs=0.01)


def test_the_tone_is_kept(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    soundfile.write(tmp_path / "s.wav", tone, 48_000)
    extract_sound(tmp_path / "s.wav", tmp_path / "a.wav", zero=0.0)
    samples = read_audio(tmp_path / "a.wav")
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    assert np.abs(samples - expected)[200:-200].max() < 0.01


def test_what_is_not_the_workflows_own_is_refused(tmp_path):
    soundfile.write(tmp_path / "s.wav", np.zeros((100, 2)), 44_100)
    with pytest.raises(InputError, match="44100 Hz in 2 channel"):
        read_audio(tmp_path / "s.wav")
    (tmp_path / "t.wav").write_text("not sound")
    with pytest.raises(InputError, match="not a readable wav"):
        read_audio(tmp_path / "t.wav")


def test_no_audio_and_no_length_are_input_errors(tmp_path):
    make_clip(tmp_path / "silent.mp4", even_times(25, 1))
    with pytest.raises(InputError, match="no audio track"):
        extract_sound(tmp_path / "silent.mp4", tmp_path / "a.wav", zero=0.0, frames=25)
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16_000)
    with pytest.raises(InputError, match="less than one video frame"):
        extract_sound(tmp_path / "short.wav", tmp_path / "a.wav", zero=0.0)
    assert not (tmp_path / "a.wav").exists()
