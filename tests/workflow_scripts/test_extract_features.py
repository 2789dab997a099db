import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from toolkit import speech
from toolkit.errors import InputError
from workflow_scripts.extract_features import extract_features


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "speech.wav"
    rng = np.random.default_rng(0)
    soundfile.write(path, 0.1 * rng.standard_normal(640 * 60), 16000, subtype="PCM_16")
    return path


@pytest.mark.parametrize(("encoder", "front_end"), [("mel", speech.log_mel), ("mfcc", speech.mfcc)])
def test_front_ends_in_blocks(wav, tmp_path, monkeypatch, encoder, front_end):
    monkeypatch.setattr(speech, "BLOCK", 50)
    npy, info = tmp_path / "out/a.npy", tmp_path / "out/a.json"
    extract_features(wav, npy, info, encoder=encoder, dtype="float16")
    stored = np.load(npy, mmap_mode="r", allow_pickle=False)
    np.testing.assert_array_equal(stored, front_end(speech.Recording(wav)))
    assert stored.dtype == np.float32
    about = json.loads(info.read_text())
    settings = {"encoder": encoder, "model": None, "layer": None, "rate": 50, "dtype": "float32"}
    assert about == settings | {"shape": [120, stored.shape[1]]}


def test_hidden_states_as_half_precision(wav, tmp_path):
    import torch
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(0)
    HubertModel(
        HubertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, conv_dim=[8] * 7)
    ).save_pretrained(tmp_path / "model")
    stored = {}
    for dtype in ("float32", "float16"):
        npy, info = tmp_path / f"{dtype}.npy", tmp_path / f"{dtype}.json"
        extract_features(wav, npy, info, encoder="hubert", model=str(tmp_path / "model"), window=0.8, dtype=dtype)
        stored[dtype] = np.load(npy)
        about = json.loads(info.read_text())
        assert (about["shape"], about["dtype"], about["layer"]) == ([120, 3, 16], dtype, "all")
        assert stored[dtype].dtype == dtype
    np.testing.assert_allclose(stored["float16"], stored["float32"], rtol=1e-3, atol=1e-3)


def test_nothing_is_left_behind_by_a_failure(wav, tmp_path):
    with pytest.raises(InputError, match="weights/nowhere"):
        extract_features(wav, tmp_path / "out/a.npy", tmp_path / "out/a.json", encoder="hubert", model="nobody/nowhere")
    assert not list(tmp_path.glob("out/*"))
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    with pytest.raises(InputError, match="holds no sound"):
        extract_features(tmp_path / "empty.wav", tmp_path / "out/a.npy", tmp_path / "out/a.json", encoder="mel")


def test_mel_needs_no_torch(wav, tmp_path):
    code = (
        "import sys; from workflow_scripts.extract_features import extract_features as run;"
        f"run({str(wav)!r}, {str(tmp_path / 'a.npy')!r}, {str(tmp_path / 'a.json')!r}, encoder='mel');"
        "assert not {'torch', 'transformers', 'lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
