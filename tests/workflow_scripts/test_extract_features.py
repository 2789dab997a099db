import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from models.checkpoints import write_weights
from models.speech.sda import AudioEncoder, embed, load
from toolkit import speech
from toolkit.errors import InputError
from workflow_scripts.extract_features import extract_features


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "speech.wav"
    rng = np.random.default_rng(0)
    soundfile.write(path, 0.1 * rng.standard_normal(640 * 60), 16000, subtype="PCM_16")
    return path


def hubert(model, **options):
    settings = {"layer": "all", "download": False, "window": 30.0, "blocks": "overlapping"}
    return {"kind": "hubert", "model": str(model), **settings, **options}


@pytest.mark.parametrize(("encoder", "front_end"), [("mel", speech.log_mel), ("mfcc", speech.mfcc)])
def test_front_ends_in_blocks(wav, tmp_path, monkeypatch, encoder, front_end):
    monkeypatch.setattr(speech, "BLOCK", 50)
    npy, info = tmp_path / "out/a.npy", tmp_path / "out/a.json"
    extract_features(wav, npy, info, entry={"kind": encoder})
    stored = np.load(npy, mmap_mode="r", allow_pickle=False)
    np.testing.assert_array_equal(stored, front_end(speech.Recording(wav)))
    assert stored.dtype == np.float32
    about = json.loads(info.read_text())
    settings = {"kind": encoder, "rate": 50, "dtype": "float32"}
    assert about == settings | {"shape": [120, stored.shape[1]]}


def test_hidden_states_as_half_precision(wav, tmp_path):
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(0)
    HubertModel(
        HubertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, conv_dim=[8] * 7)
    ).save_pretrained(tmp_path / "model")
    stored = {}
    for dtype in ("float32", "float16"):
        npy, info = tmp_path / f"{dtype}.npy", tmp_path / f"{dtype}.json"
        extract_features(wav, npy, info, entry=hubert(tmp_path / "model", window=0.8, dtype=dtype))
        stored[dtype] = np.load(npy)
        about = json.loads(info.read_text())
        assert (about["shape"], about["dtype"], about["layer"]) == ([120, 3, 16], dtype, "all")
        assert stored[dtype].dtype == dtype
    np.testing.assert_allclose(stored["float16"], stored["float32"], rtol=1e-3, atol=1e-3)


def test_nothing_is_left_behind_by_a_failure(wav, tmp_path):
    with pytest.raises(InputError, match="weights/nowhere"):
        extract_features(wav, tmp_path / "out/a.npy", tmp_path / "out/a.json", entry=hubert("nobody/nowhere"))
    assert not list(tmp_path.glob("out/*"))
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    with pytest.raises(InputError, match="less than one video frame"):
        extract_features(tmp_path / "empty.wav", tmp_path / "out/a.npy", tmp_path / "out/a.json", entry={"kind": "mel"})


def test_mel_needs_no_torch(wav, tmp_path):
    code = (
        "import sys; from workflow_scripts.extract_features import extract_features as run;"
        f"run({str(wav)!r}, {str(tmp_path / 'a.npy')!r}, {str(tmp_path / 'a.json')!r}, entry=dict(kind='mel'));"
        "assert not {'torch', 'transformers', 'lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def sda(tmp_path):
    """Weights of a small encoder with a record."""
    torch.manual_seed(0)
    path = tmp_path / "networks/sda.safetensors"
    write_weights(path, AudioEncoder(channels=2, code=6, width=5).state_dict(), {"origin": "placed/audio_encoder.pt"})
    return path


def test_an_encoder_with_weights_of_ours(wav, sda, tmp_path):
    whole = np.concatenate(list(embed(load(sda), speech.Recording(wav), 1000)))
    extract_features(
        wav, tmp_path / "a.npy", tmp_path / "a.json", entry={"kind": "sda", "weights": "published"}, source=sda
    )
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), whole, rtol=1e-5, atol=1e-6)
    record = json.loads((tmp_path / "a.json").read_text())
    assert (record["origin"], record["rate"], record["shape"]) == ("placed/audio_encoder.pt", 25, [60, 5])
    sda.with_suffix(".json").unlink()
    extract_features(wav, tmp_path / "a.npy", tmp_path / "a.json", entry={"kind": "sda"}, source=sda)
    assert json.loads((tmp_path / "a.json").read_text())["origin"] == str(sda)


@pytest.mark.parametrize(("rate", "shape"), [(25, (58, 7)), (50, (118, 7)), (50, (120, 3, 4, 2))])
def test_features_of_the_users_own(wav, tmp_path, rate, shape):
    rows = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    torch.save(torch.from_numpy(rows), tmp_path / "speech.pth")
    entry = {"kind": "files", "folder": str(tmp_path), "rate": rate}
    extract_features(wav, tmp_path / "a.npy", tmp_path / "a.json", entry=entry, source=tmp_path / "speech.pth")
    missing = 60 * rate // 25 - len(rows)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.concatenate([rows, *[rows[-1:]] * missing]))
    record = json.loads((tmp_path / "a.json").read_text())
    assert (record["kind"], record["origin"], record["rate"]) == ("files", str(tmp_path / "speech.pth"), rate)


def test_nothing_is_left_behind_by_a_source_that_cannot_be_used(wav, tmp_path):
    torch.save(torch.zeros(20, 7), tmp_path / "speech.pth")
    entry = {"kind": "files", "folder": str(tmp_path), "rate": 25}
    made = tmp_path / "out/a.npy", tmp_path / "out/a.json"
    with pytest.raises(InputError, match=r"speech\.pth: has 20 rows"):
        extract_features(wav, *made, entry=entry, source=tmp_path / "speech.pth")
    with pytest.raises(InputError, match="no such file"):
        extract_features(wav, *made, entry={"kind": "sda"}, source=tmp_path / "none.safetensors")
    assert not list(tmp_path.glob("out/*"))
