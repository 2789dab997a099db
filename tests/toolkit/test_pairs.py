import pytest

from toolkit.pairs import Pairs, pair_name, pair_of, read_pairs, split_pair


def test_a_name_is_put_together_and_taken_apart():
    assert pair_name("a-b", "c") == "a-b--c"
    assert split_pair("a-b--c") == ("a-b", "c")
    assert split_pair("a-b") == ("a-b", "a-b")


@pytest.mark.parametrize(("video", "audio", "kind"), [("a", "a", "self"), ("a", "b", "crossed")])
def test_the_kind_of_a_pair(video, audio, kind):
    assert pair_of(video, audio).kind == kind
    assert pair_of(video, audio).name == f"{video}--{audio}"


def test_the_table_is_read_by_its_columns(tmp_path):
    (tmp_path / "pairs.tsv").write_text(
        "pair\tvideo\taudio\tkind\né--b\té\tb\tcrossed\nb--b\tb\tb\tself\n", encoding="utf-8"
    )
    assert list(read_pairs(tmp_path / "pairs.tsv")) == [("é", "b", "crossed"), ("b", "b", "self")]


def test_the_pairs_of_a_kind_are_put_into_batches_once():
    pairs = Pairs([pair_of("a", "a"), pair_of("a", "b"), pair_of("b", "b")])
    assert pairs.batches("self", 2).names_of("self-1") == ["a--a", "b--b"]
    assert pairs.batches("crossed", 2).names_of("crossed-1") == ["a--b"]
    assert pairs.batches("self", 2) is pairs.batches("self", 2)
