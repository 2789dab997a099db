import json

import pytest

from metrics.metric import NotComputed
from metrics.wer import read_transcripts, word_error_rate
from toolkit.errors import InputError


@pytest.mark.parametrize(
    ("said", "read", "rate"),
    [
        ("The cat, sat.", "the cat sat", 0),
        ("the cat sat", "the dog sat down", 2 / 3),  # one substituted, one added
        ("one two three four", "two four", 1 / 2),  # two left out
        ("about", "about", 0),
        ("about", "abroad", 1),
        ("about", "", 1),
        ("about", "it is about time", 3),
        ("Straße, café!", "straße café", 0),
    ],
)
def test_rates_by_hand(said, read, rate):
    assert word_error_rate(said, read) == pytest.approx(rate)


@pytest.mark.parametrize("silence", ["", " \n", "..."])
def test_nothing_said_has_no_rate(silence):
    with pytest.raises(NotComputed, match="nothing is said"):
        word_error_rate(silence, "something")


def test_transcripts_are_text_or_json_and_name_their_reader(tmp_path):
    (tmp_path / "vsr/system").mkdir(parents=True)
    said, text, named = tmp_path / "vsr/a.txt", tmp_path / "vsr/system/a--a.txt", tmp_path / "vsr/system/b--a.json"
    said.write_text("hello")
    text.write_text("yellow")
    named.write_text(json.dumps({"text": "mellow", "reader": "a reader"}))
    assert read_transcripts(said, text) == ("hello", "yellow", "vsr")
    assert read_transcripts(said, named) == ("hello", "mellow", "a reader")
    named.write_text("[]")
    with pytest.raises(InputError, match="no transcript"):
        read_transcripts(said, named)


@pytest.mark.parametrize("suffix", ["txt", "json"])
def test_a_mark_at_the_start_of_the_file_is_no_letter_of_the_first_word(tmp_path, suffix):
    content = {"txt": "hello there", "json": '{"text": "hello there"}'}[suffix]
    said, read = tmp_path / "a.txt", tmp_path / f"a--a.{suffix}"
    said.write_text("hello there")
    read.write_text(content, encoding="utf-8-sig")
    assert word_error_rate(*read_transcripts(said, read)[:2]) == 0


@pytest.mark.parametrize(("name", "content"), [("a.txt", "naïve".encode("latin-1")), ("a.json", b"{text: hello}")])
def test_a_transcript_that_cannot_be_read_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: it cannot be read"):
        read_transcripts(tmp_path / name, tmp_path / name)
