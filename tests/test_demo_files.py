"""The demo's tables and recordings hang together."""

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile

from toolkit.files import read_json
from toolkit.synthetic.looks import LOOKS

ROOT = Path(__file__).parents[1]
SPEECH = sorted((ROOT / "demo/speech").glob("*.flac"))
TABLES = ("demo/clips.tsv", "tests/configs/learning.tsv")


def rows(table: str) -> list[dict[str, str]]:
    with (ROOT / table).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def test_talkers_are_distinct_and_can_be_rendered():
    talkers = rows("demo/talkers.tsv")
    names = {path.stem for path in SPEECH}
    assert len({row["clip"] for row in talkers}) == len({row["seed"] for row in talkers}) == len(talkers)
    for row in talkers:
        assert row["speech"] in names
        assert row["look"] in LOOKS


@pytest.mark.parametrize("table", TABLES)
def test_test_sentences_are_new_and_their_speakers_are_not(table):
    talkers = {row["clip"]: row for row in rows("demo/talkers.tsv")}
    sentences, speakers = {"train": set(), "test": set()}, {"train": set(), "test": set()}
    clips = rows(table)
    assert len({row["clip"] for row in clips}) == len(clips)
    for row in clips:
        assert row["video"] == f"results/demo/{row['clip']}.mp4"
        assert row["truth"] == f"results/demo/{row['clip']}.json"
        assert row["speaker"] == talkers[row["clip"]]["look"]
        sentences[row["split"]].add(talkers[row["clip"]]["speech"])
        speakers[row["split"]].add(row["speaker"])
    assert len(speakers["train"]) >= 2
    assert speakers["test"] <= speakers["train"]
    assert not sentences["train"] & sentences["test"]
    voices = {split: {voice(name) for name in names} for split, names in sentences.items()}
    assert voices["test"] <= voices["train"]


def voice(name: str) -> str:
    return read_json(ROOT / f"demo/speech/{name}.json")["voice"]


def test_recordings_are_small_and_all_different():
    assert len(SPEECH) >= 20
    assert sum(path.stat().st_size for path in (ROOT / "demo/speech").iterdir()) < 2.5e6
    assert len({read_json(path.with_suffix(".json"))["sentence"] for path in SPEECH}) == len(SPEECH)


@pytest.fixture(scope="module")
def maker():
    """`demo/make_speech.py`, which needs eSpeak NG to speak but not to make tracks."""
    spec = importlib.util.spec_from_file_location("make_speech", ROOT / "demo/make_speech.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_recordings_are_those_of_the_maker(maker):
    for path in SPEECH:
        track = read_json(path.with_suffix(".json"))
        assert maker.SENTENCES[path.stem] == (track["voice"], track["sentence"])
        phonemes, seconds = [tuple(pair) for pair in track["phonemes"]], soundfile.info(path).duration
        opening, roundness = maker.tracks(phonemes, seconds)
        np.testing.assert_allclose(opening, track["opening"], atol=1e-4)
        np.testing.assert_allclose(roundness, track["roundness"], atol=1e-3)
    assert len(maker.SENTENCES) == len(SPEECH)


def test_lips_close_for_m_and_open_for_a(maker):
    opening, roundness = maker.tracks([(0.2, "m"), (0.3, "ɑː"), (0.5, "m"), (0.6, "uː"), (0.8, "")], 1.0)
    assert opening[25] < 0.05
    assert opening[55] < 0.05
    assert opening[40] > 0.2
    assert 0.04 < opening[70] < 0.1
    assert roundness[72] > 0.9
    assert abs(roundness[40]) < 0.1
    assert opening[[0, -1]].max() < 0.01


@pytest.mark.parametrize("path", SPEECH, ids=lambda path: path.stem)
def test_a_recording_and_its_track_fit(path):
    samples, rate = soundfile.read(path, dtype="float32")
    track = read_json(path.with_suffix(".json"))
    opening, roundness = np.array(track["opening"]), np.array(track["roundness"])
    assert rate == 16000
    assert samples.ndim == 1
    assert len(samples) % 640 == 0
    assert 3 <= len(samples) / rate <= 6
    assert 0.5 < np.abs(samples).max() < 0.95
    assert len(opening) == len(roundness) == round(len(samples) / rate * track["rate"])
    assert opening[[0, -1]].max() < 0.01
    assert 0 <= opening.min() < opening.max() < 0.3
    assert opening.max() > 0.18
    assert opening.std() > 0.04
    assert np.abs(roundness).max() <= 1
    for start, phoneme in track["phonemes"]:
        if phoneme in ("m", "b", "p"):  # lips are shut at some moment of each
            near = opening[int(start * track["rate"]) : int((start + 0.1) * track["rate"])]
            assert near.min() < 0.09, (start, phoneme)
