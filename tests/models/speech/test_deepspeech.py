"""The network beyond its parity case: parts of a recording against the whole, single frames, wrong files."""

import logging
import tracemalloc

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.difftalk.windows import has_context, speech_windows
from models.speech import deepspeech
from models.speech.checkpoints import deepspeech_weights
from models.speech.deepspeech import DeepSpeech, frame_sound, frame_windows, load, sizes, track_logits
from models.speech.deepspeech_input import cepstra, input_vectors, pcm
from tests.frozen_graph import deepspeech_variables
from tests.models.speech.test_deepspeech_input import sound
from toolkit.errors import InputError
from toolkit.speech import Samples


@pytest.fixture
def network() -> DeepSpeech:
    """A small one whose values neither fade nor burst, with as much memory as the published one at its start."""
    torch.manual_seed(0)
    network = DeepSpeech(widths=(24, 24, 48), cells=16, last=24, characters=6).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=1.4 * parameter.shape[1] ** -0.5)
        elif name.endswith("bias_ih_l0"):
            parameter[16:32] += 1
    return network


def whole(network: DeepSpeech, samples: np.ndarray) -> np.ndarray:
    vectors = input_vectors(cepstra(pcm(samples), 16000))
    return network(torch.from_numpy(vectors).float()[None])[0].numpy()


def test_published_size():
    with torch.device("meta"):
        network = DeepSpeech()
    stored = sum(value.numel() for name, value in network.state_dict().items() if "bias_hh" not in name)
    assert stored == sum(np.prod(shape) for shape in published_shapes()) == 122_732_573


def published_shapes() -> list[tuple[int, ...]]:
    """As the specification has them, section 12."""
    sides = [(494, 2048), (2048, 2048), (2048, 4096), (4096, 2048), (2048, 29)]
    return [shape for side in sides for shape in (side, side[1:])] + 2 * [(6144, 8192), (8192,)]


@pytest.mark.parametrize("frames", [1, 2, 30])
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_blocks_are_the_whole(network, frames, block):
    samples = sound(640 * frames)
    blocks = list(track_logits(network, samples, block))
    assert [len(part) for part in blocks][:-1] == [block] * (len(blocks) - 1)
    made = np.concatenate(blocks)
    assert (made.shape, made.dtype) == ((2 * frames, 6), np.float32)
    np.testing.assert_allclose(made, whole(network, samples), rtol=1e-4, atol=1e-4)


def test_two_minutes_are_taken_whole(network):
    assert [len(part) for part in track_logits(network, sound(640 * 3010))] == [6000, 20]


@pytest.mark.parametrize("more", [1, 300, 639])
def test_a_started_frame_has_two_rows(network, more):
    samples = sound(640 * 20 + more)
    [made] = track_logits(network, samples)
    steps = whole(network, samples)
    assert len(made) == 42
    np.testing.assert_allclose(made[: len(steps)], steps, rtol=1e-4, atol=1e-4)
    assert (made[len(steps) :] == made[len(steps) - 1]).all()


def test_states_go_on_over_blocks(network):
    """Of two recordings alike but for one end, the other end differs by what the direction that comes from there remembers."""
    vectors = torch.randn(2, 40, 494)
    vectors[1, 20:] = vectors[0, 20:]
    beginning, end = vectors[:, :20], vectors[:, 20:]
    alone, _ = network.go_on(end)
    torch.testing.assert_close(alone[0], alone[1])
    _, before = network.go_on(beginning)
    later, _ = network.go_on(end, before)
    assert (later[0, 0] - later[1, 0]).abs().max() > 1e-3
    after = network.come_back(end)
    sooner, _ = network.go_on(beginning, None, after)
    assert (sooner[:, -1] - network.go_on(beginning)[0][:, -1]).abs().max() > 1e-3
    torch.testing.assert_close(torch.cat((sooner, later), 1), network(vectors), rtol=1e-4, atol=1e-4)


def test_layers_are_clipped_at_20(network):
    assert network.go_on(1e4 * torch.randn(1, 5, 494))[0].isfinite().all()
    for layer in network.layers:
        layer.bias += 1e6
    torch.testing.assert_close(network(torch.randn(1, 5, 494)), network(torch.randn(1, 5, 494)))


def peak(network: DeepSpeech, samples: Samples) -> int:
    tracemalloc.start()
    rows = sum(len(part) for part in track_logits(network, samples, 100))
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 2 * len(samples) // 640
    return highest


def test_longer_speech_takes_no_more_memory(network, monkeypatch):
    monkeypatch.setattr("models.speech.deepspeech_input.BLOCK", 100)
    peak(network, sound(640 * 100))
    assert peak(network, sound(640 * 1500)) < 1.3 * peak(network, sound(640 * 150))


def test_the_single_frames_of_users_know_nothing_of_each_other(network):
    samples = sound(640 * 9 + 300)
    made = np.concatenate(list(frame_windows(network, samples, block=4)))
    assert (made.shape, made.dtype) == ((10, 16, 6), np.float32)
    assert not has_context(made)
    padded = np.pad(samples, (0, 340))
    for frame in range(10):
        [alone] = np.concatenate(list(frame_windows(network, padded[640 * frame : 640 * (frame + 1)])))
        np.testing.assert_allclose(made[frame], alone, rtol=1e-5, atol=1e-5)
    [clip] = frame_sound(pcm(samples[:640]), 16000)
    assert clip.shape == (880,)
    vectors = torch.from_numpy(input_vectors(cepstra(clip, 22000))).float()
    assert vectors.shape == (2, 494)
    np.testing.assert_allclose(made[0, 8], network(vectors[None])[0, 0], rtol=1e-5, atol=1e-5)
    assert speech_windows(made, range(10), 10).shape == (10, 8, 16, 6)


def test_users_are_warned_of_single_frames(network, tmp_path, caplog):
    write_weights(tmp_path / "a.safetensors", network.state_dict(), {})
    with caplog.at_level(logging.WARNING, logger="talkflow"):
        [rows] = deepspeech.extract(sound(640 * 5), {"kind": "deepspeech"}, tmp_path / "a.safetensors")
        assert not caplog.records
        [windows] = deepspeech.extract(sound(640 * 5), {"kind": "deepspeech_by_frame"}, tmp_path / "a.safetensors")
    assert (rows.shape, windows.shape) == ((10, 6), (5, 16, 6))
    assert "hold next to no context" in caplog.text


def test_load(network, tmp_path):
    write_weights(tmp_path / "a.safetensors", network.state_dict(), {})
    loaded = load(tmp_path / "a.safetensors")
    assert not loaded.training
    vectors = torch.randn(2, 4, 494)
    torch.testing.assert_close(loaded(vectors), network(vectors), rtol=0, atol=0)


@pytest.mark.parametrize("lost", ["layers.1.weight", "past.weight_hh_l0", "future.bias_hh_l0"])
def test_weights_of_another_network_are_refused(network, tmp_path, lost):
    tensors = network.state_dict()
    tensors["other"] = tensors.pop(lost)
    write_weights(tmp_path / "a.safetensors", tensors, {})
    with pytest.raises(InputError, match=rf"a\.safetensors: does not fit the network: .*missing .*{lost}"):
        load(tmp_path / "a.safetensors")


def test_weights_for_another_input_are_refused(tmp_path):
    weights = deepspeech_weights(deepspeech_variables(inputs=40))
    assert sizes(weights)["inputs"] == 40
    write_weights(tmp_path / "a.safetensors", weights, {})
    with pytest.raises(InputError, match=r"a\.safetensors: takes 40 numbers a step, and its input has 494"):
        deepspeech.extract(sound(640), {"kind": "deepspeech"}, tmp_path / "a.safetensors")
