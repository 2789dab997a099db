"""The resampler beyond its parity case: ratios up and down, many recordings at once, what it does to a tone."""

import numpy as np
import pytest

from toolkit.resampling import as_int16, resample

RATES = pytest.mark.parametrize(
    ("source", "target"),
    [(44100, 16000), (44100, 22000), (16000, 22000), (8000, 16000), (48000, 16000), (22000, 16000)],
)


@RATES
def test_a_tone_stays_that_tone(source, target):
    hertz, amplitude = 700, 9000
    tone = (amplitude * np.sin(2 * np.pi * hertz * np.arange(source // 2) / source)).astype(np.float32)
    made = resample(tone, source, target)
    assert made.dtype == np.float32
    assert len(made) == len(tone) * target // source
    expected = amplitude * np.sin(2 * np.pi * hertz * np.arange(len(made)) / target)
    inner = slice(len(made) // 4, -len(made) // 4)  # the filter sees silence beyond the ends
    # The filter is a little stretched, as published: 2e-4 of a tone's height.
    np.testing.assert_allclose(made[inner], expected[inner], atol=5e-4 * amplitude)


@RATES
@pytest.mark.parametrize("length", [0, 1, 2, 641])
def test_recordings_side_by_side_are_as_alone(source, target, length):
    sound = np.random.default_rng(0).integers(-9000, 9000, (2, 3, length)).astype(np.float32)
    made = resample(sound, source, target)
    assert made.shape == (2, 3, length * target // source)
    for place in np.ndindex(2, 3):
        np.testing.assert_array_equal(made[place], resample(sound[place], source, target))


def test_above_the_new_rates_reach_nothing_is_left():
    tone = (9000 * np.sin(2 * np.pi * 11_000 * np.arange(22_050) / 44_100)).astype(np.float32)
    assert np.abs(resample(tone, 44_100, 16_000)[2000:-2000]).max() < 2


def test_the_same_rate_changes_nothing():
    sound = np.array([1, -2, 30000], np.int16)
    np.testing.assert_array_equal(resample(sound, 16000, 16000), sound)


def test_16_bits_are_cut_and_clipped():
    made = as_int16(np.array([1.9, -1.9, 40000, -40000, 32767.5], np.float32))
    assert made.dtype == np.int16
    assert made.tolist() == [1, -1, 32767, -32768, 32767]
