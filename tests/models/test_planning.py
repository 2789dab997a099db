import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from models import planning
from models.configuration import read_configuration
from models.registry import SYSTEMS, get_system
from tests.running import HOME
from toolkit.errors import InputError


def configured(**settings: object) -> dict:
    return read_configuration(
        {"systems": ["still", "diffdub", "diffused_heads"], **settings}, HOME / "config.schema.yaml"
    )


@pytest.mark.parametrize(
    ("weights", "renderer", "sequence"),
    [
        ("trained", "results/models/diffdub", "results/models/diffdub"),
        ("published", "results/weights/diffdub", "results/weights/diffdub"),
        ("mine", "mine", "mine"),
        ({"renderer": "published"}, "results/weights/diffdub", "results/models/diffdub"),
    ],
)
def test_a_systems_weights_come_from_one_place_or_from_one_for_each_stage(weights, renderer, sequence):
    config = configured(diffdub={"weights": weights})
    paths = [f"{renderer}/renderer.safetensors", f"{sequence}/sequence.safetensors"]
    assert planning.system_weights(config, "diffdub") == paths
    assert planning.system_weights(config, "still") == []


def test_features_come_from_an_encoders_weights_or_from_the_users_file_or_from_the_sound_alone(tmp_path):
    (tmp_path / "a.npy").touch()
    entries = {
        "mine": {"kind": "files", "folder": str(tmp_path)},
        "own": {"kind": "sda", "weights": "mine.safetensors"},
        "frames": {"kind": "deepspeech_by_frame"},
    }
    config = configured(speech=entries, diffdub={"speech": "mine"}, diffused_heads={"speech": "sda"})
    sources = {entry: planning.speech_source(config, entry, "a") for entry in ("mine", "own", "sda", "frames", "mel")}
    assert sources == {
        "mine": [f"{tmp_path}/a.npy"],
        "own": ["mine.safetensors"],
        "sda": ["results/weights/networks/sda.safetensors"],
        "frames": ["results/weights/networks/deepspeech.safetensors"],
        "mel": [],
    }
    assert planning.speech_source(config, "mine", "b") == []
    assert planning.speech_entries(config) == ["mine", "sda"]
    assert planning.supplied_speech_checks(config) == ["results/inspected/speech/mine.json"]
    assert planning.speech_models(configured(diffdub={"speech": "wav2vec2"})) == {
        "wav2vec2": "facebook/wav2vec2-large-960h"
    }


def test_the_records_are_those_of_all_weights_that_the_users_own_have_only_perhaps(tmp_path):
    (tmp_path / "renderer.json").touch()
    config = configured(diffdub={"weights": str(tmp_path)}, diffused_heads={"speech": "sda"})
    assert planning.weight_records(config) == [
        str(tmp_path / "renderer.json"),
        "results/models/diffused_heads/unet.json",
        "results/weights/networks/sda.json",
    ]


def test_a_real_clip_is_its_own_sample():
    assert planning.sample_video("ground_truth", "a", "a") == "results/crops/a.mp4"
    assert planning.sample_video("still", "a", "b") == "results/samples/still/a--b.mp4"
    assert planning.view("ground_truth") == planning.view("still") == "crops"
    assert planning.view("diffused_heads") == "aligned"


def test_faces_are_of_the_licensed_model_where_all_of_its_files_are_placed(tmp_path):
    files = planning.face3d_files(tmp_path)
    choices = {choice: configured(face3d={"model": choice}) for choice in (None, "bfm", "learned")}
    for path in files:
        assert planning.face3d_model(configured(), tmp_path) == "learned"
        with pytest.raises(InputError, match=r"there is no such file.*and place it at") as caught:
            planning.face3d_model(choices["bfm"], tmp_path)
        assert caught.value.subject == path
        Path(path).touch()
    found = {choice: planning.face3d_model(config, tmp_path) for choice, config in choices.items()}
    assert found == {None: "bfm", "bfm": "bfm", "learned": "learned"}


def test_a_system_may_bring_masks_and_read_further_files(monkeypatch):
    still = replace(get_system("still"), mask=None, inputs=("parsing", "face3d"))
    monkeypatch.setattr(sys.modules[SYSTEMS["still"]], "SYSTEM", still)
    assert planning.sample_masks("still", "a", "b") == ["results/samples/still/a--b.mask.mkv"]
    assert planning.sample_masks("diffdub", "a", "b") == []
    assert planning.clip_inputs(configured()) == ["face3d", "parsing"]


def test_files_that_may_be_there(tmp_path):
    for name in ("b.pth", "a.pth", ".hidden"):
        (tmp_path / name).touch()
    assert planning.placed_files(tmp_path) == [f"{tmp_path}/a.pth", f"{tmp_path}/b.pth"]
    assert planning.placed_files(tmp_path / "nowhere") == []
    assert (planning.optional_file(None), planning.optional_file("a")) == ([], ["a"])


def test_a_system_that_made_nothing_since_the_start_is_passed_over(tmp_path):
    record = {"system": "diffdub", "stage": "renderer", "preset": "debug", "steps": 1, "seed": 0, "clips": ["a"]}
    for stage in ("renderer", "sequence"):
        (tmp_path / f"{stage}.json").write_text(json.dumps(record))
    log = tmp_path / "logs/mux_video/diffdub/a--a.log"
    log.parent.mkdir(parents=True)
    log.touch()
    os.utime(log, (100, 100))
    config = configured(diffdub={"weights": str(tmp_path)})
    (line,) = planning.cautions(config, tmp_path / "logs", since=100)
    assert line.startswith("diffdub: its weights have the preset debug")
    assert planning.cautions(config, tmp_path / "logs", since=101) == []
