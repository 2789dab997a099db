import json

import numpy as np
import pytest
import soundfile
import torch

from models.checkpoints import write_weights
from models.diffused_heads import audio_encoder
from models.diffused_heads.audio_encoder import AudioEncoder, embed
from toolkit.errors import InputError
from toolkit.speech import Recording
from workflow_scripts.embed_speech import embed_speech

SYSTEM = "diffused_heads"


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "bakery.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(640 * 60), 16000, subtype="PCM_16")
    return path


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    encoder = AudioEncoder(channels=2, code=6, width=5)
    path = tmp_path / "weights/audio_encoder.safetensors"
    write_weights(path, encoder.state_dict(), {"origin": "weights/diffused_heads/audio_encoder.pt"})
    return path


@pytest.fixture
def made(tmp_path):
    return tmp_path / "out/bakery.npy", tmp_path / "out/bakery.json"


def test_encoder_in_blocks(wav, weights, made, monkeypatch):
    whole = np.concatenate(list(embed(audio_encoder.load(weights), Recording(wav), 1000)))
    monkeypatch.setattr(audio_encoder.embed, "__defaults__", (25,))
    embed_speech(wav, *made, system=SYSTEM, weights=weights)
    stored = np.load(made[0], mmap_mode="r", allow_pickle=False)
    assert (stored.shape, stored.dtype) == ((60, 5), np.float32)
    np.testing.assert_allclose(stored, whole, rtol=1e-5, atol=1e-6)
    assert json.loads(made[1].read_text()) == {
        "encoder": "sda",
        "origin": "weights/diffused_heads/audio_encoder.pt",
        "rate": 25,
        "shape": [60, 5],
        "dtype": "float32",
    }


def test_weights_without_a_record_are_their_own_origin(wav, weights, made):
    weights.with_suffix(".json").unlink()
    embed_speech(wav, *made, system=SYSTEM, weights=weights)
    assert json.loads(made[1].read_text())["origin"] == str(weights)


def test_own_embeddings(wav, made, tmp_path):
    rows = np.random.default_rng(0).standard_normal((58, 7)).astype(np.float32)
    torch.save(torch.from_numpy(rows), tmp_path / "bakery.pth")
    embed_speech(wav, *made, system=SYSTEM, embeddings=tmp_path)
    stored = np.load(made[0], allow_pickle=False)
    np.testing.assert_array_equal(stored, np.concatenate([rows, rows[-1:], rows[-1:]]))
    about = json.loads(made[1].read_text())
    assert (about["encoder"], about["origin"], about["shape"]) == ("supplied", str(tmp_path / "bakery.pth"), [60, 7])


def test_nothing_is_left_behind_by_a_failure(wav, weights, made, tmp_path):
    torch.save(torch.zeros(20, 7), tmp_path / "bakery.pth")
    with pytest.raises(InputError, match=r"bakery\.pth: has 20 rows"):
        embed_speech(wav, *made, system=SYSTEM, embeddings=tmp_path)
    with pytest.raises(InputError, match="holds none of"):
        embed_speech(wav, *made, system=SYSTEM, embeddings=tmp_path / "weights")
    with pytest.raises(InputError, match="no such file"):
        embed_speech(wav, *made, system=SYSTEM, weights=tmp_path / "none.safetensors")
    soundfile.write(tmp_path / "short.wav", np.zeros(639), 16000)
    with pytest.raises(InputError, match="less than one video frame"):
        embed_speech(tmp_path / "short.wav", *made, system=SYSTEM, weights=weights)
    assert not list(tmp_path.glob("out/*"))
