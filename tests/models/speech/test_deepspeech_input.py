"""What the network takes of sound, beyond its parity case: blocks of a recording against the whole one."""

import logging
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from models.speech import deepspeech_input
from models.speech.deepspeech_input import cepstra, input_vectors, network_input, pcm, step_count, whitening


def sound(samples: int, seed: int = 0) -> np.ndarray:
    """16-bit sound that swells and fades, as float32."""
    rng = np.random.default_rng(seed)
    swell = 0.05 + np.sin(np.arange(samples) / 4000) ** 2
    return (rng.integers(-6000, 6000, samples) * swell).astype(np.int16) / np.float32(32768)


def test_16_bit_samples_come_back_as_they_were():
    every = np.arange(-32768, 32768).astype(np.int16)
    np.testing.assert_array_equal(pcm(every / np.float32(32768)), every)
    assert pcm(np.array([1.5, -1.5])).tolist() == [32767, -32768]


@pytest.mark.parametrize(("rate", "length"), [(16000, 400), (22000, 550)])
def test_rows_of_cepstra(rate, length):
    step = rate // 100
    counts = {1: 1, length - 1: 1, length: 1, length + 1: 2, length + step: 2, length + step + 1: 3}
    for samples, rows in counts.items():
        made = cepstra(np.ones(samples, np.int16), rate)
        assert made.shape == (rows, 26), samples
        assert np.isfinite(made).all()


def test_frames_longer_than_the_transform_are_cut_without_a_word(caplog):
    loud = pcm(sound(1100))
    later = loud.copy()
    later[512:550] = 0  # within the first frame at 22 kHz, beyond its first 512 samples
    with caplog.at_level(logging.WARNING):
        first, other = cepstra(loud, 22000)[0], cepstra(later, 22000)[0]
    np.testing.assert_array_equal(first, other)
    assert not caplog.records


@pytest.mark.parametrize("samples", [1, 400, 640, 641, 1000, 640 * 30, 640 * 30 + 1, 640 * 31 - 1, 640 * 90])
@pytest.mark.parametrize("block", [1, 7, 50])
def test_blocks_are_the_whole_recordings(samples, block, monkeypatch):
    monkeypatch.setattr(deepspeech_input, "BLOCK", block)
    recording = sound(samples)
    whole = input_vectors(cepstra(pcm(recording), 16000))
    assert step_count(samples) == len(whole)
    mean, deviation = whitening(recording)
    made = [
        network_input(recording, first, min(first + block, len(whole)), mean, deviation)
        for first in range(0, len(whole), block)
    ]
    assert made[0].dtype == np.float32
    np.testing.assert_allclose(np.concatenate(made), whole, rtol=1e-6, atol=1e-6)
    unwhitened = network_input(recording, 0, len(whole), 0, 1)
    assert mean == pytest.approx(unwhitened.mean(dtype=np.float64), rel=1e-6)
    assert deviation == pytest.approx(unwhitened.std(dtype=np.float64), rel=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 25, 1000])
def test_two_steps_a_video_frame(frames):
    assert step_count(640 * frames) == 2 * frames
    assert step_count(640 * frames + 1) <= 2 * (frames + 1)


def test_a_step_stands_between_its_past_and_future():
    recording = sound(640 * 40)
    rows = cepstra(pcm(recording), 16000)[::2]
    vectors = network_input(recording, 0, 80, 0, 1).reshape(80, 19, 26)
    np.testing.assert_allclose(vectors[20], rows[11:30], rtol=1e-6)
    assert (vectors[0, :9] == 0).all()
    assert (vectors[79, 10:] == 0).all()
    np.testing.assert_allclose(vectors[79, 9], rows[79], rtol=1e-6)


def test_silence_is_no_error():
    silent = np.zeros(6400, np.float32)
    assert np.isfinite(network_input(silent, 0, 20, *whitening(silent))).all()
    assert np.isfinite(input_vectors(cepstra(np.zeros(880, np.int16), 22000))).all()


class Noted:
    """Samples that note the largest part that is read at once."""

    def __init__(self, length: int) -> None:
        self.length, self.largest = length, 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(self.length)
        self.largest = max(self.largest, stop - start)
        return sound(stop - start)


def test_longer_speech_takes_no_more_memory(monkeypatch):
    monkeypatch.setattr(deepspeech_input, "BLOCK", 100)
    peaks = []
    for frames in (200, 200, 1000):
        samples = Noted(640 * frames)
        tracemalloc.start()
        whitening(samples)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert samples.largest <= 102 * 320 + 400
    assert peaks[2] < 1.2 * peaks[1]


def test_a_frozen_graph_is_read_where_no_cepstra_are_made():
    """The environment that fetches weights has no python_speech_features."""
    code = (
        "import sys; sys.modules['python_speech_features'] = None;"
        "import models.speech.checkpoints; assert 'librosa' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
