"""Synchronisation of embeddings whose shift is known, and a clip in blocks against the clip at once."""

import numpy as np
import pytest

from metrics.lse import BATCH, FRAMES, LipSync, mfcc, speech_windows, sync_score
from metrics.metric import NotComputed
from models.perception.syncnet import lip_embeddings, speech_embeddings
from tests.random_weights import random_network
from toolkit.timing import SAMPLES_PER_FRAME


@pytest.fixture(scope="module")
def network():
    return random_network("syncnet")


def sound(frames, seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.1, frames * SAMPLES_PER_FRAME)
    return noise.clip(-1, 1).astype(np.float32)


def pictures(frames, size=224):
    return np.random.default_rng(1).integers(0, 256, (frames, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("shift", [-7, 0, 3])
def test_offset_is_how_many_frames_earlier_the_matching_sound_lies(shift):
    lips = np.random.default_rng(0).normal(size=(80, 1024)).astype(np.float32)
    found = sync_score(lips, np.roll(lips, -shift, axis=0))
    assert found.offset == shift
    assert found.distances.shape == (80, 31)
    assert found.min_distance < found.mean_distance.mean() / 4
    assert found.confidence == pytest.approx(np.median(found.mean_distance) - found.mean_distance.min())
    assert np.median(found.framewise_confidence) == pytest.approx(np.median(found.mean_distance), rel=0.05)


def test_unrelated_speech_has_no_confidence():
    lips, speech = np.random.default_rng(0).normal(size=(2, 400, 1024))
    found = sync_score(lips, speech)
    assert found.confidence < 0.02 * found.min_distance


def test_beyond_the_ends_speech_is_the_zero_vector():
    lips = np.full((4, 1024), 3.0)
    found = sync_score(lips, lips)
    assert found.distances[0, 0] == pytest.approx(3 * 32, rel=1e-5)
    assert found.distances[0, 15] == pytest.approx(32e-6)


@pytest.mark.parametrize(("first", "last"), [(0, 20), (1, 21), (37, 90), (80, 99)])
def test_any_part_of_the_cepstra_is_that_of_the_whole(first, last):
    samples = (sound(25) * 32768).astype(np.int16)
    whole = mfcc(samples)
    assert whole.shape == (13, 99)
    assert np.abs(mfcc(samples, first, last) - whole[:, first:last]).max() < 1e-4


def test_speech_windows_stand_four_columns_apart(monkeypatch):
    monkeypatch.setattr("metrics.lse.SPEECH_BATCH", 8)
    samples = (sound(25) * 32768).astype(np.int16)
    batches = list(speech_windows(samples, 20))
    assert [len(batch) for batch in batches] == [8, 8, 4]
    whole = mfcc(samples)
    for number, window in enumerate(np.concatenate(batches)):
        assert np.abs(window - whole[:, 4 * number : 4 * number + 20]).max() < 1e-4


def test_a_clip_in_blocks_is_the_clip_at_once(network):
    frames = BATCH + 11  # two blocks
    clip, heard = pictures(frames), sound(frames)
    measure = LipSync(network, heard)
    for frame in clip:
        measure.update(frame)
    found = measure.score()
    samples = np.round(heard * 32768).astype(np.int16)
    speech = np.concatenate([speech_embeddings(network, batch) for batch in speech_windows(samples, frames - FRAMES)])
    at_once = sync_score(lip_embeddings(network, clip)[: frames - FRAMES], speech)
    assert np.allclose(found.distances, at_once.distances, rtol=1e-5)
    assert measure.result() == {
        "lse_d": found.min_distance, "lse_c": found.confidence, "av_offset": found.offset,
    }  # fmt: skip
    assert measure.counts() == {"lse_frames": frames, "lse_short": 1}


def test_frames_are_squeezed_to_the_networks_square(network):
    measure = LipSync(network, sound(6))
    for frame in np.random.default_rng(0).integers(0, 256, (6, 90, 160, 3), dtype=np.uint8):
        measure.update(frame)
    assert measure.score().distances.shape == (1, 31)


@pytest.mark.parametrize(("frames", "heard"), [(5, 10), (10, 5), (0, 10)])
def test_too_short(network, frames, heard):
    measure = LipSync(network, sound(heard))
    for frame in pictures(frames, 32):
        measure.update(frame)
    with pytest.raises(NotComputed, match=f"{min(frames, heard)} frames with sound, it takes 6"):
        measure.result()


def test_the_shorter_of_picture_and_sound_counts(network):
    measure = LipSync(network, sound(8))
    for frame in pictures(12, 32):
        measure.update(frame)
    assert len(measure.score().distances) == 3
    assert measure.counts()["lse_frames"] == 8
