import pytest

from models.speech.registry import KINDS, check_entry, entry_schemas, rate_of
from toolkit.errors import InputError


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_has_a_module_and_a_schema(kind):
    assert callable(KINDS[kind].module.extract)
    assert "kind" in entry_schemas({"x": {"kind": kind}})["x"]["properties"]


def test_the_users_own_say_their_rate():
    assert rate_of({"kind": "files", "rate": 50}) == 50
    assert rate_of({"kind": "sda"}) == 25


@pytest.mark.parametrize("old", [{"hubert": {"model": "x"}}, {"download": True}, {"window": 30.0}])
def test_the_old_form_is_refused_with_the_new_one(old):
    with pytest.raises(InputError, match=r"{hubert: {kind: hubert, model: \.\.\., layer: all}}"):
        entry_schemas(old)


def test_kinds_and_entries_that_are_unknown_are_refused_with_the_known():
    with pytest.raises(InputError, match=r"speech\.x: there is no kind 'hobert'\. Choose from mel, mfcc, hubert"):
        entry_schemas({"x": {"kind": "hobert"}})
    with pytest.raises(InputError, match=r"some\.speech: there is no entry 'y' under `speech:`\. Choose from x"):
        check_entry("some.speech", "y", {"x": {"kind": "mel"}})
