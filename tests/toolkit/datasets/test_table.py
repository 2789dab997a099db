import pytest

from toolkit.clips import ClipRow, read_clips
from toolkit.datasets.table import finish, free_name, read_lines, write_table
from toolkit.errors import InputError


def test_a_table_has_the_columns_that_are_filled_and_is_read_as_it_was_written(tmp_path):
    rows = [ClipRow("a", "/data/a b.mp4", start=12.5, speaker="ann"), ClipRow("b", "/data/b.mp4", split="test")]
    write_table(tmp_path / "clips.tsv", rows)
    assert (tmp_path / "clips.tsv").read_text().splitlines()[0].split("\t") == [
        *("clip", "video", "start", "speaker", "split")
    ]
    assert read_clips(tmp_path / "clips.tsv") == rows


def test_names_are_free():
    taken: set[str] = set()
    assert [free_name(text, taken) for text in ("a b", "a_b", "../a b", "é")] == ["a_b", "a_b_2", "a_b_3", "é"]
    assert taken == {"a_b", "a_b_2", "a_b_3", "é"}


def test_nothing_is_written_beside_a_problem_unless_it_is_left_out(tmp_path, capsys):
    rows, problems = [ClipRow("a", "a.mp4")], [InputError("list, line 2", "b.mp4 does not exist", "Remove the line")]
    table = tmp_path / "clips.tsv"
    assert finish(rows, problems, table, skip=False) == 1
    assert not table.exists()
    assert capsys.readouterr().err.splitlines()[0] == "list, line 2: b.mp4 does not exist. Remove the line"
    assert finish(rows, problems, table, skip=True) == 0
    assert read_clips(table) == rows


def test_lines_of_any_editor(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa \r\n\r\n b")
    assert read_lines(tmp_path / "list.txt") == ["a", "", "b"]
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe")
    for path in ("list.txt", "none.txt"):
        with pytest.raises(InputError, match=path):
            read_lines(tmp_path / path)
