import pytest

from toolkit.clips import ClipRow, read_clips
from toolkit.errors import InputError


def table(tmp_path, text):
    path = tmp_path / "clips.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_with_every_column(tmp_path):
    columns = ["clip", "video", "start", "end", "speaker", "split", "truth", "audio"]
    values = ["a", "x y.mp4", "1.5", "", "ann", "test", "t.json", "x y.wav"]
    path = table(tmp_path, "\t".join(columns) + "\n" + "\t".join(values) + "\n")
    assert read_clips(path) == [ClipRow("a", "x y.mp4", 1.5, None, "ann", "test", "t.json", "x y.wav")]


def test_quotes_semicolons_and_other_alphabets_are_ordinary_letters_of_a_path(tmp_path):
    path = table(tmp_path, 'clip\tvideo\né_1\t/data/"it\'s; fine" 视频.mp4\n')
    assert read_clips(path)[0].video == '/data/"it\'s; fine" 视频.mp4'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip\tfile\na\tb\n", "no column 'video'"),
        ("clip\tvideo\tage\na\tb\t3\n", "unknown column 'age'"),
        ("clip\tvideo\na\tb\na\tc\n", "more than one row"),
        ("clip\tvideo\n../a\tb\n", "line 2: clip name '../a' is not safe"),
        ("clip\tvideo\na--b\tb\n", "not safe"),
        ("clip\tvideo\tsplit\na\tb\tdev\n", "split is 'dev'"),
        ("clip\tvideo\tstart\na\tb\tsoon\n", "start is 'soon'"),
        ("clip\tvideo\tstart\na\tb\tnan\n", "start is 'nan'"),
        ("clip\tvideo\tstart\tend\na\tb\t3\t2\n", "ends before it starts"),
        ("clip\tvideo\na\n", "another number of fields"),
        ("clip\tvideo\n", "lists no clip"),
    ],
)
def test_a_table_nobody_can_use_is_refused_by_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_clips(table(tmp_path, text))


def test_a_folder_names_its_clips_by_stem_and_keeps_them_apart(tmp_path):
    for name in ("a b.mp4", "a;b.MOV", "notes.txt"):
        (tmp_path / name).touch()
    assert [row.clip for row in read_clips(tmp_path)] == ["a_b", "a_b_2"]


def test_a_missing_source_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        read_clips(tmp_path / "nothing.tsv")
