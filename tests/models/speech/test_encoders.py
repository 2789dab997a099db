import json
import math
import socket

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    HubertConfig,
    HubertModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Model,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

from models.speech.encoders import features, hidden_states, load, normalisation, windows
from toolkit import speech
from toolkit.errors import InputError

WAVEFORM = dict(
    hidden_size=16,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=24,
    conv_dim=[8] * 7,
    conv_bias=False,
    feat_extract_norm="layer",
    do_stable_layer_norm=True,
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=2,
)
WHISPER = dict(
    vocab_size=20,
    num_mel_bins=80,
    d_model=16,
    encoder_layers=2,
    encoder_attention_heads=2,
    encoder_ffn_dim=24,
    decoder_layers=1,
    decoder_attention_heads=2,
    decoder_ffn_dim=24,
    max_source_positions=100,  # 2 s at once instead of 30
    max_target_positions=20,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    decoder_start_token_id=1,
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict:
    """Small random models, saved as their authors save them."""
    torch.manual_seed(0)
    networks = {
        "hubert": HubertModel(HubertConfig(**WAVEFORM)),
        "wav2vec2": Wav2Vec2Model(Wav2Vec2Config(**WAVEFORM)),
        "whisper": WhisperForConditionalGeneration(WhisperConfig(**WHISPER)),
    }
    folders = {name: tmp_path_factory.mktemp(name) for name in networks}
    for name, network in networks.items():
        network.save_pretrained(folders[name])
    return folders


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """2 s of noise that swells and fades, off zero."""
    rng = np.random.default_rng(0)
    swell = 0.2 + np.sin(np.linspace(0, 20, 32000)) ** 2
    return (0.1 * rng.standard_normal(32000) * swell + 0.01).astype(np.float32)


def whole(network, samples, **options) -> np.ndarray:
    return np.concatenate(list(features(network, samples, **options)))


@pytest.mark.parametrize(("encoder", "layers"), [("hubert", 4), ("wav2vec2", 4), ("whisper", 3)])
@pytest.mark.parametrize("count", [1, 640, 6400, 6401, 32000])
def test_two_feature_frames_per_video_frame(folders, samples, encoder, layers, count):
    states = whole(load(encoder, str(folders[encoder])), samples[:count])
    assert states.shape == (2 * math.ceil(count / 640), layers, 16)
    assert states.dtype == np.float32
    assert np.isfinite(states).all()


def test_the_last_state_is_normed_and_the_last_frame_repeated(folders, samples):
    network = load("hubert", str(folders["hubert"]))
    states = torch.from_numpy(whole(network, samples))
    np.testing.assert_array_equal(states[-1], states[-2])
    norm = network.encoder.layer_norm
    torch.testing.assert_close(states[:, -1].mean(-1), norm.bias.mean().expand(100), atol=1e-5, rtol=0)
    torch.testing.assert_close(states[:, -1].var(-1, correction=0), torch.ones(100), atol=1e-2, rtol=0)
    expected = Wav2Vec2FeatureExtractor(do_normalize=True)(samples, sampling_rate=16000, return_tensors="pt")
    with torch.inference_mode():
        published = network(expected.input_values, output_hidden_states=True)
    torch.testing.assert_close(states[:-1, -1], published.last_hidden_state[0], atol=1e-5, rtol=1e-5)
    for index in range(3):
        torch.testing.assert_close(states[:-1, index], published.hidden_states[index][0], atol=1e-5, rtol=1e-5)


def test_normalisation_is_of_the_whole_utterance_however_it_is_read(samples, monkeypatch):
    monkeypatch.setattr("models.speech.encoders.BLOCK", 7)
    mean, deviation = normalisation(samples)
    assert mean == pytest.approx(samples.mean(dtype=np.float64), rel=1e-9)
    assert deviation == pytest.approx(np.sqrt(samples.var(dtype=np.float64) + 1e-7), rel=1e-9)


@pytest.mark.parametrize("encoder", ["hubert", "whisper"])
def test_one_layer_of_all(folders, samples, encoder):
    network = load(encoder, str(folders[encoder]))
    every = whole(network, samples[:6400])
    for layer, index in ((0, 0), (1, 1), (-1, -1), ("last", -1)):
        np.testing.assert_array_equal(whole(network, samples[:6400], layer=layer), every[:, [index]])
    with pytest.raises(InputError, match=rf"layer of a {encoder} entry.*9 does not exist"):
        list(features(network, samples, layer=9))


@pytest.mark.parametrize(
    ("frames", "window", "context"), [(1, 10, 2), (10, 10, 2), (11, 10, 2), (95, 10, 2), (30, 10, 0)]
)
def test_windows_keep_every_frame_once_and_hear_around_it(frames, window, context):
    end = 0
    for first, last, heard_from, heard_to in windows(frames, window, context):
        assert first == end < last
        assert 0 <= heard_from <= max(first - context, 0)
        assert min(last + context, frames) <= heard_to <= frames
        assert heard_to - heard_from == min(window, frames)
        end = last
    assert end == frames


def test_long_speech_in_windows_is_close_to_the_whole(folders):
    """Random attention hears all of the 20 s alike; the measured distance is printed (`pytest -s`)."""
    rng = np.random.default_rng(1)
    samples = (0.1 * rng.standard_normal(640 * 25 * 20)).astype(np.float32)
    network = load("hubert", str(folders["hubert"]))
    exact = whole(network, samples)
    error = {}
    for window in (4.0, 8.0):
        blocks = list(features(network, samples, window=window))
        assert len(blocks) > 2
        assert max(map(len, blocks)) < window * 50
        error[window] = np.linalg.norm(np.concatenate(blocks) - exact) / np.linalg.norm(exact)
    print(f"\nwindows of 4 and 8 s against 20 s at once: relative error {error[4.0]:.2e}, {error[8.0]:.2e}")
    assert error[8.0] < error[4.0] < 0.02
    # What precedes attention is local: there the windows agree to rounding.
    local = np.concatenate(list(features(network, samples, layer=0, window=4.0)))
    np.testing.assert_allclose(local[:, 0], exact[:, 0], atol=1e-4)


def test_whisper_windows_follow_each_other_and_leave_no_padding(folders, samples):
    network = load("whisper", str(folders["whisper"]))
    long = np.concatenate((samples, samples, samples[:9600]))
    states = whole(network, long)
    assert len(states) == 2 * len(long) // 640
    first = whole(network, long[:32000])  # heard in the same first window of 2 s
    np.testing.assert_array_equal(states[:50], first[:50])


def test_a_recording_is_heard_as_its_samples_are(folders, samples, tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    network = load("hubert", str(folders["hubert"]))
    np.testing.assert_array_equal(whole(network, speech.Recording(tmp_path / "a.wav")), whole(network, samples))


@pytest.mark.parametrize("prefix", ["", "hubert."])
def test_old_weight_norm_names_half_precision_and_prefix(folders, samples, tmp_path, prefix):
    """The public chinese-hubert-large is such a pickle; transformers now saves other names."""
    tensors = load_file(folders["hubert"] / "model.safetensors")
    conv = "encoder.pos_conv_embed.conv."
    for new, old in (
        ("parametrizations.weight.original0", "weight_g"),
        ("parametrizations.weight.original1", "weight_v"),
    ):
        tensors[conv + old] = tensors.pop(conv + new)
    tensors = {prefix + name: tensor.half() for name, tensor in tensors.items()}
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text((folders["hubert"] / "config.json").read_text())
    network = load("hubert", str(tmp_path))
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    expected = whole(load("hubert", str(folders["hubert"])), samples)
    np.testing.assert_allclose(whole(network, samples), expected, atol=0.05)
    stored = load_file(folders["hubert"] / "model.safetensors")
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, stored[name].half().float())


def test_a_recognisers_file_serves_as_encoder(samples, tmp_path):
    """Many wav2vec 2.0 files hold a letter head too: names have a prefix and two tensors are too many."""
    torch.manual_seed(0)
    recogniser = Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=12, **WAVEFORM)).eval()
    recogniser.save_pretrained(tmp_path)
    loaded = load("wav2vec2", str(tmp_path))
    heard = torch.from_numpy(samples)[None]
    torch.testing.assert_close(hidden_states(loaded, heard), hidden_states(recogniser.wav2vec2, heard))


def test_an_incomplete_file_is_refused_by_name(folders, tmp_path):
    tensors = load_file(folders["hubert"] / "model.safetensors")
    tensors.pop("encoder.layers.1.attention.k_proj.weight")
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_text((folders["hubert"] / "config.json").read_text())
    with pytest.raises(InputError, match=r"lacks 1 tensors, encoder\.layers\.1\.attention\.k_proj\.weight"):
        load("hubert", str(tmp_path))


class Malice:
    def __reduce__(self):
        return print, ("code of a stranger has run",)


def test_a_pickle_with_code_is_refused_and_does_not_run(folders, tmp_path, capsys):
    (tmp_path / "config.json").write_text((folders["hubert"] / "config.json").read_text())
    torch.save({"weights": Malice()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be read"):
        load("hubert", str(tmp_path))
    assert "stranger" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_broken_download_is_one_line_to_the_user(folders, tmp_path, name):
    (tmp_path / "config.json").write_text((folders["hubert"] / "config.json").read_text())
    (tmp_path / name).write_bytes((folders["hubert"] / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(InputError, match="cannot be read"):
        load("hubert", str(tmp_path))


def test_code_that_a_folder_brings_is_not_run(folders, tmp_path, capsys):
    config = json.loads((folders["hubert"] / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text("print('code of a stranger has run')")
    (tmp_path / "model.safetensors").write_bytes((folders["hubert"] / "model.safetensors").read_bytes())
    assert load("hubert", str(tmp_path)).config.model_type == "hubert"
    assert "stranger" not in capsys.readouterr().out


def test_a_model_of_another_kind_is_refused(folders):
    with pytest.raises(InputError, match="is a wav2vec2 model"):
        load("hubert", str(folders["wav2vec2"]))


@pytest.fixture
def asked(monkeypatch) -> list:
    """Machines whose addresses somebody wants to know; there is no network."""
    names = []

    def refuse(host, *_):
        names.append(host)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return names


def test_a_missing_model_says_without_asking_the_hub_which_file_goes_where(tmp_path, monkeypatch, asked):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        load("hubert", "TencentGameMate/chinese-hubert-large-that-nobody-has")
    assert asked == []
    text = str(error.value)
    assert "\n" not in text
    for word in (
        "config.json",
        "model.safetensors",
        "weights/chinese-hubert-large-that",
        "the entry's `model`",
        "download",
    ):
        assert word in text


def test_what_is_here_is_not_asked_of_the_hub(folders, tmp_path, monkeypatch, asked):
    """A model in the hub's cache loads although downloads are allowed and the hub is out of reach."""
    import huggingface_hub.constants

    monkeypatch.chdir(tmp_path)
    snapshot = tmp_path / "hub/models--somebody--cached/snapshots/abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs/main").write_text("abc")
    for file in folders["hubert"].iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert load("hubert", "somebody/cached", download=True).config.model_type == "hubert"
    assert asked == []


def test_a_model_placed_by_hand_is_found_by_its_hub_name(folders, samples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/some-hubert").symlink_to(folders["hubert"])
    network = load("hubert", "somebody/some-hubert")
    np.testing.assert_array_equal(whole(network, samples), whole(load("hubert", str(folders["hubert"])), samples))


def test_joined_windows_see_nothing_of_each_other(folders, samples):
    network = load("hubert", str(folders["hubert"]))
    found = whole(network, samples, layer="last", window=1.0, blocks="joined")
    assert found.shape == (100, 1, 16)
    signal = torch.from_numpy((samples - samples.mean()) / samples.std())[None]
    for start in (0, 16000):
        alone = hidden_states(network, signal[:, start : start + 16080])[-1]
        rows = found[start // 320 : start // 320 + len(alone), 0]
        np.testing.assert_allclose(rows, alone, atol=1e-4)


def test_a_rest_without_a_whole_frame_repeats_the_one_before(folders, samples):
    network = load("hubert", str(folders["hubert"]))
    found = whole(network, samples[: 16000 + 399], layer="last", window=1.0, blocks="joined")
    assert len(found) == 52
    np.testing.assert_array_equal(found[50:], found[[49, 49]])
