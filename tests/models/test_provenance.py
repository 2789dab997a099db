"""Whether weights are a demonstration, by the records beside them."""

import pytest

from models.provenance import caution, read_records
from toolkit.files import write_json, write_text

TRAINED = {"system": "one", "stage": "net", "preset": "small", "steps": 5, "seed": 0, "clips": ["a", "b", "c"]}
FETCHED = {"system": "one", "stage": "net", "origin": "https://example.org/net.pt"}


@pytest.mark.parametrize("records", [[], [FETCHED], [TRAINED], [TRAINED | {"synthetic_clips": 0}]])
def test_there_is_nothing_to_say_of_weights_that_are_no_demonstration(records):
    assert caution("one", records) is None


def test_synthetic_talkers_and_a_debug_preset_are_named_with_what_to_do():
    synthetic, debug = TRAINED | {"synthetic_clips": 2}, TRAINED | {"preset": "debug"}
    words = caution("one", [synthetic, FETCHED])
    assert "synthetic talkers (net on 2 of 3 clips)" in words
    assert "debug" not in words
    assert "one: weights: published" in words
    assert "preset: small" in words
    words = caution("one", [debug])
    assert "preset debug" in words
    assert "synthetic" not in words
    both = caution("one", [synthetic | debug])
    assert "\n" not in both


def test_weights_of_a_folder_may_have_a_record_beside_them_or_not(tmp_path):
    write_json(tmp_path / "net.json", TRAINED)
    write_json(tmp_path / "published.json", FETCHED)
    for name, text in {"broken": "{", "list": "[1]", "foreign": '{"system": "one", "stage": "x"}'}.items():
        write_text(tmp_path / f"{name}.json", text)
    odd = TRAINED | {"clips": 3}
    write_json(tmp_path / "odd.json", odd)
    names = ("net", "published", "broken", "list", "foreign", "odd", "absent")
    assert read_records([tmp_path / f"{name}.safetensors" for name in names]) == [TRAINED, FETCHED]
