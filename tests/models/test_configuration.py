from pathlib import Path

import pytest
import yaml

from models.configuration import read_configuration
from toolkit.errors import InputError

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "config.schema.yaml"


def test_the_shipped_configuration_says_the_defaults():
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert read_configuration(shipped, SCHEMA) == read_configuration({"systems": shipped["systems"]}, SCHEMA)


def test_entries_of_speech_are_completed_by_their_kind_beside_the_ready_made_ones():
    speech = {"mine": {"kind": "files", "folder": "f"}, "small": {"kind": "hubert", "model": "m", "layer": 3}}
    entries = read_configuration({"speech": speech, "diffdub": {"speech": "mine"}}, SCHEMA)["speech"]
    assert entries["mine"] == {"kind": "files", "folder": "f", "rate": 25}
    assert entries["small"]["layer"] == 3
    assert entries["small"]["window"] == 30.0
    assert entries["hubert_ls960"]["layer"] == "last"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"systems": ["diffdub"], "diffdub": {"speech": "hobert"}}, r"diffdub\.speech: there is no entry 'hobert'"),
        ({"speech": {"x": {"kind": "hubert"}}}, r"speech\.x: .*a model is needed"),
        ({"speech": {"x": {"kind": "mel", "model": "m"}}}, r"speech\.x: unknown key 'model'"),
        ({"diffused_heads": {"embeddings": "f"}}, r"embeddings: this option has moved.*speech: {mine: {kind: files"),
        ({"diffused_heads": {"audio_encoder": "f"}}, r"audio_encoder: this option has moved"),
    ],
)
def test_what_is_wrong_is_said_with_the_form_that_is_right(settings, message):
    with pytest.raises(InputError, match=message):
        read_configuration(settings, SCHEMA)
