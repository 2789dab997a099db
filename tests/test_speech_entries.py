"""Speech features through the workflow: by encoders with weights, from the user's folder, two HuBERTs at once, or not at all."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.speech.sda import AudioEncoder
from tests.frozen_graph import deepspeech_variables, graph
from tests.running import configure, planned, snakemake

pytestmark = pytest.mark.slow

TALKER, OTHER = "plain_planets", "mirrored_planets"
TARGET = f"results/features/entry/{TALKER}.npy"


def configured(work: Path, **entry: object) -> None:
    system = {"systems": ["diffused_heads"], "diffused_heads": {"speech": "entry"}, "speech": {"entry": entry}}
    rows = [(name, f"results/demo/{name}.mp4", name, "train", f"results/demo/{name}.json") for name in (TALKER, OTHER)]
    configure(work, {"clips": "clips.tsv", **system}, rows)


def made(folder: Path) -> tuple[np.ndarray, dict]:
    output = snakemake(folder, TARGET)
    assert output.returncode == 0, output.stderr[-3000:]
    return np.load(folder / TARGET), json.loads((folder / TARGET).with_suffix(".json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder in which the talker's speech has been embedded by an encoder of random weights."""
    folder = tmp_path_factory.mktemp("embeddings")
    torch.manual_seed(0)
    write_weights(folder / "encoder.safetensors", AudioEncoder().state_dict(), {"origin": "random"})
    configured(folder, kind="sda", weights="encoder.safetensors")
    rows, about = made(folder)
    assert rows.shape == (100, 256)
    assert rows.std() > 0.01
    assert (about["kind"], about["origin"], about["rate"]) == ("sda", "random", 25)
    assert planned(folder, TARGET) == {}
    return folder


def test_features_of_the_users_own_take_the_encoders_place(folder):
    (folder / "mine").mkdir()
    own = torch.randn(100, 32)
    torch.save(own, folder / f"mine/{TALKER}.pth")
    configured(folder, kind="files", folder="mine")
    assert planned(folder, TARGET) == {"extract_features": 1}
    rows, about = made(folder)
    np.testing.assert_array_equal(rows, own)
    assert (about["kind"], about["origin"]) == ("files", f"mine/{TALKER}.pth")
    assert planned(folder, TARGET) == {}

    torch.save(torch.randn(200, 32), folder / f"mine/{TALKER}.pth")
    assert planned(folder, TARGET) == {"extract_features": 1}, (
        "a file of the user's that has changed is looked at again"
    )
    output = snakemake(folder, TARGET)
    assert output.returncode != 0
    assert "has 200 rows, where the clip has 100 video frames" in output.stderr
    assert not (folder / TARGET).exists()


def test_a_bad_file_stops_no_other_clip(folder):
    """It is named once, before training and testing are planned, which then do without the clip."""
    (folder / "theirs").mkdir()
    torch.save(torch.randn(100, 32), folder / f"theirs/{TALKER}.pth")
    torch.save(torch.full((100, 32), torch.nan), folder / f"theirs/{OTHER}.pth")
    configured(folder, kind="files", folder="theirs")
    output = snakemake(folder, "results/splits/train.txt")
    assert output.returncode == 0, output.stderr[-3000:]
    assert f"theirs/{OTHER}.pth: holds numbers that are not finite. Make the features again" in output.stderr
    assert (folder / "results/splits/train.txt").read_text().split() == [TALKER]
    assert planned(folder, "train")["extract_features"] == 1
    torch.save(torch.randn(100, 32), folder / f"theirs/{OTHER}.pth")
    assert planned(folder, "results/splits/train.txt") == {"check_supplied_speech": 1, "split_clips": 1}


def test_without_the_published_encoder_people_are_told_where_it_is(folder):
    configured(folder, kind="sda")
    output = snakemake(folder, TARGET)
    assert output.returncode != 0
    assert "audio_encoder.pt: is not here, and only a person can fetch it. Get it at https://drive" in output.stderr
    assert "weights/networks/audio_encoder.pt" in output.stderr


def test_a_frozen_graph_that_is_placed_becomes_an_encoder(folder):
    configured(folder, kind="deepspeech")
    output = snakemake(folder, TARGET)
    assert output.returncode != 0
    assert "deepspeech-0_1_0-b90017e8.pb.zip: is not here, and downloading is off. Get it at https://" in output.stderr
    assert "weights/networks/output_graph.pb" in output.stderr

    placed = folder / "weights/networks/output_graph.pb"
    placed.parent.mkdir(parents=True)
    placed.write_bytes(graph(deepspeech_variables()))
    rows, about = made(folder)
    assert rows.shape == (200, 4)
    assert rows.std(axis=0).min() > 0.01
    assert (about["kind"], about["origin"], about["rate"]) == ("deepspeech", "weights/networks/output_graph.pb", 50)
    assert planned(folder, TARGET) == {}

    configured(folder, kind="deepspeech_by_frame")
    assert planned(folder, TARGET) == {"extract_features": 1}
    windows, about = made(folder)
    assert windows.shape == (100, 16, 4)
    assert (about["kind"], about["rate"]) == ("deepspeech_by_frame", 25)


def test_two_systems_take_two_huberts_in_one_workflow(folder):
    talkers = [(TALKER, f"results/demo/{TALKER}.mp4", TALKER, "train", f"results/demo/{TALKER}.json")]
    systems = {"systems": ["diffdub", "diffused_heads"], "diffdub": {"speech": "hubert"}}
    configure(folder, {"clips": "clips.tsv", **systems, "diffused_heads": {"speech": "hubert_ls960"}}, talkers)
    targets = [f"results/features/{entry}/{TALKER}.npy" for entry in ("hubert", "hubert_ls960")]
    assert planned(folder, *targets) == {"extract_features": 2}
