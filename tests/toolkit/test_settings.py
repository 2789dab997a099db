import pytest

from toolkit.errors import InputError
from toolkit.settings import complete

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "seed": {"type": "integer", "default": 3, "description": "the seed"},
        "faces": {
            "type": "object",
            "additionalProperties": False,
            "default": {},
            "properties": {"detector": {"enum": ["dlib", "other"], "default": "dlib"}},
        },
    },
}


def test_defaults_reach_every_depth_and_the_callers_dict_stays():
    given = {}
    assert complete(given, SCHEMA) == {"seed": 3, "faces": {"detector": "dlib"}}
    assert given == {}


def test_a_block_left_empty_takes_its_defaults():
    assert complete({"faces": None}, SCHEMA)["faces"] == {"detector": "dlib"}


def test_given_values_win():
    assert complete({"seed": 5, "faces": {"detector": "other"}}, SCHEMA) == {"seed": 5, "faces": {"detector": "other"}}


def test_an_unknown_key_is_refused_with_the_nearest_known_one():
    with pytest.raises(InputError, match=r"configuration, faces: unknown key 'detectr'\. Did you mean 'detector'\?"):
        complete({"faces": {"detectr": "dlib"}}, SCHEMA)


def test_an_unknown_key_like_no_other_gets_the_list():
    with pytest.raises(InputError, match="Known here: seed, faces"):
        complete({"zzz": 1}, SCHEMA)


def test_a_wrong_value_names_its_key_and_meaning():
    with pytest.raises(InputError, match=r"configuration, seed: 'x' is not of type 'integer'\. It means: the seed"):
        complete({"seed": "x"}, SCHEMA)
