"""The speech encoder beyond its parity case: several clips, parts of a recording, wrong files."""

import tracemalloc

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.speech import sda
from models.speech.sda import AudioEncoder, audio_windows, embed, load, sizes
from toolkit.errors import InputError
from toolkit.speech import Samples

SMALL = {"channels": 2, "code": 6, "width": 5, "layers": 2}


@pytest.fixture
def encoder() -> AudioEncoder:
    torch.manual_seed(0)
    encoder = AudioEncoder(**SMALL).eval().requires_grad_(False)
    for parameter in encoder.parameters():  # livelier than at the start of a training
        if parameter.ndim > 1:
            parameter.normal_(std=parameter[0].numel() ** -0.5)
    for activation in encoder.encoder.activations[:-1]:
        norm = activation[0]
        norm.running_mean.normal_(std=0.1)
        norm.running_var.uniform_(0.5, 2)
    return encoder


def speech(frames: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, int(640 * frames)).astype(np.float32)


def test_a_window_is_centred_on_its_frame():
    samples = np.arange(640 * 5, dtype=np.float32) + 1
    windows = audio_windows(samples)
    assert windows.shape == (5, 3200)
    np.testing.assert_array_equal(windows[2], samples)
    np.testing.assert_array_equal(windows[0], [0] * 1280 + list(samples[:1920]))
    np.testing.assert_array_equal(windows[4], list(samples[1280:]) + [0] * 1280)
    np.testing.assert_array_equal(audio_windows(samples, 1, 4), windows[1:4])
    assert audio_windows(speech(2.9)).shape == (2, 3200)


def test_published_size():
    with torch.device("meta"):
        encoder = AudioEncoder()
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 1_490_896
    assert encoder.encoder(torch.zeros(3, 3200, device="meta")).shape == (3, 256)


def test_a_clip_among_longer_ones_is_as_alone_and_zero_past_its_end(encoder):
    lengths = torch.tensor([7, 4, 1, 0])
    windows = torch.from_numpy(np.stack([audio_windows(speech(7, seed)) for seed in range(4)]))
    windows[1, 4:] = torch.nan  # what stands there does not matter
    embeddings = encoder(windows, lengths)
    for row, length in enumerate(lengths):
        alone = encoder(windows[row : row + 1, :length], lengths[row : row + 1]) if length else torch.zeros(1, 0, 5)
        torch.testing.assert_close(embeddings[row, :length], alone[0], rtol=1e-5, atol=1e-6)
        assert (embeddings[row, length:] == 0).all()
    assert embeddings[0].std(dim=0).min() > 0.01


@pytest.mark.parametrize("block", [1, 4, 1000])
def test_blocks_equal_one_pass(encoder, block):
    samples = speech(30.5)
    whole = encoder(torch.from_numpy(audio_windows(samples).copy())[None], torch.tensor([30]))[0]
    blocks = list(embed(encoder, samples, block))
    assert [len(part) for part in blocks] == [block] * (30 // block) + [30 % block] * bool(30 % block)
    np.testing.assert_allclose(np.concatenate(blocks), whole, rtol=1e-5, atol=1e-6)
    assert blocks[0].dtype == np.float32


def test_state_goes_on_over_blocks(encoder):
    """A loud beginning is still felt in the next block: the GRU does not start anew there."""
    loud, quiet = speech(20), speech(20)
    quiet[: 640 * 8] = 0  # as far as window 10 does not hear
    ends = [np.concatenate(list(embed(encoder, samples, 10)))[10] for samples in (loud, quiet)]
    assert np.abs(ends[0] - ends[1]).max() > 1e-3


class Noted:
    """Samples that note the largest part that is read at once."""

    def __init__(self, length: int) -> None:
        self.length, self.largest = length, 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(self.length)
        self.largest = max(self.largest, stop - start)
        return np.zeros(stop - start, np.float32)


def peak(encoder: AudioEncoder, samples: Samples) -> int:
    tracemalloc.start()
    rows = sum(len(block) for block in embed(encoder, samples, 50))
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == len(samples) // 640
    return highest


def test_longer_speech_takes_no_more_memory(encoder):
    samples = Noted(640 * 2000)
    peak(encoder, Noted(640 * 100))
    assert peak(encoder, samples) < 1.5 * peak(encoder, Noted(640 * 100))
    assert samples.largest <= 640 * 50 + 3200


def test_load(encoder, tmp_path):
    write_weights(tmp_path / "a.safetensors", encoder.state_dict(), {})
    loaded = load(tmp_path / "a.safetensors")
    assert sizes(loaded.state_dict()) == SMALL
    assert not loaded.training
    samples = speech(4)
    np.testing.assert_array_equal(next(embed(loaded, samples)), next(embed(encoder, samples)))


@pytest.mark.parametrize("lost", ["encoder.cl.5.weight", "rnn.weight_hh_l0", "encoder.activations.2.0.running_var"])
def test_weights_of_another_network_are_refused(encoder, tmp_path, lost):
    tensors = encoder.state_dict()
    tensors["other"] = tensors.pop(lost)
    write_weights(tmp_path / "a.safetensors", tensors, {})
    with pytest.raises(InputError, match=rf"a\.safetensors: does not fit the network: .*missing .*{lost}"):
        load(tmp_path / "a.safetensors")


def test_a_full_block_is_half_a_minute():
    assert sda._BLOCK == 30 * 25
