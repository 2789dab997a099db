import resource
import subprocess
import sys

import librosa
import numpy as np
import pytest
import soundfile

from toolkit import speech
from toolkit.errors import InputError


@pytest.fixture
def samples() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(640 * 100) * np.linspace(0, 1, 640 * 100)).astype(np.float32)


def test_mel_is_librosas(samples):
    ours = speech.log_mel(samples)
    power = librosa.feature.melspectrogram(
        y=samples, sr=16000, n_fft=640, hop_length=320, power=1, n_mels=80, center=True, pad_mode="constant"
    )
    theirs = (np.log10(np.maximum(power, 1e-5)) + 2) / 3
    assert ours.shape == (200, 80)
    np.testing.assert_allclose(ours, theirs.T[:200], atol=1e-5)


def test_mfcc_is_librosas(samples):
    cepstra = librosa.feature.mfcc(S=speech.log_mel(samples).T, n_mfcc=13)
    slope = librosa.feature.delta(np.pad(cepstra, ((0, 0), (8, 8)), mode="edge"), width=9)[:, 8:-8]
    ours = speech.mfcc(samples)
    assert ours.shape == (200, 39)
    np.testing.assert_allclose(ours[:, :26], np.concatenate((cepstra, slope)).T, atol=1e-5)
    curvature = librosa.feature.delta(slope, width=9)
    np.testing.assert_allclose(ours[4:-4, 26:], curvature.T[4:-4], atol=1e-5)


def test_a_click_on_a_video_frames_time_stamp_lands_on_its_feature_frame():
    samples = np.zeros(640 * 20, np.float32)
    samples[640 * 7] = 1
    loudness = speech.log_mel(samples).mean(axis=1)
    assert loudness.argmax() == 14
    assert loudness[13] == pytest.approx(loudness[12], abs=1e-6)  # Hann is 0 at its ends: only frame 14 sees it


@pytest.mark.parametrize(("count", "frames"), [(0, 0), (1, 1), (639, 1), (640, 1), (641, 2), (64000, 100)])
def test_exactly_two_feature_frames_per_video_frame(count, frames):
    silence = np.zeros(count, np.float32)
    assert speech.log_mel(silence).shape == (2 * frames, 80)
    assert speech.mfcc(silence).shape == (2 * frames, 39)


@pytest.mark.parametrize("front_end", [speech.log_mel, speech.mfcc])
def test_blocks_make_the_whole(samples, front_end, monkeypatch):
    whole = front_end(samples)
    monkeypatch.setattr(speech, "BLOCK", 37)
    np.testing.assert_allclose(front_end(samples), whole, atol=1e-5)


@pytest.mark.parametrize("front_end", [speech.log_mel, speech.mfcc])
def test_a_file_gives_exactly_what_its_samples_give(samples, front_end, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="PCM_16")
    monkeypatch.setattr(speech, "BLOCK", 50)
    in_memory = soundfile.read(tmp_path / "a.wav", dtype="float32")[0]
    assert np.array_equal(front_end(speech.Recording(tmp_path / "a.wav")), front_end(in_memory))


def test_a_recording_is_mono_at_16_khz(tmp_path):
    soundfile.write(tmp_path / "stereo.wav", np.zeros((100, 2)), 16000)
    (tmp_path / "text.wav").write_text("no sound")
    for name in ("stereo.wav", "text.wav"):
        with pytest.raises(InputError, match=name):
            speech.Recording(tmp_path / name)


def test_a_fresh_process_compiles_nothing():
    """librosa's own stft costs 20 s here. Neither does mel need torch."""
    code = (
        "import sys, numpy; from toolkit.speech import mfcc;"
        "assert mfcc(numpy.zeros(64000, numpy.float32)).shape == (200, 39);"
        "assert 'torch' not in sys.modules and 'librosa.core.spectrum' not in sys.modules"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([sys.executable, "-c", code], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert used < 8  # seconds of processor time: 1.2 at any load; compiling would take over 20
