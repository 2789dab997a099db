import pytest

from toolkit.clips import ClipRow, read_clips, read_sources
from toolkit.errors import InputError
from toolkit.media.box import Box


def table(tmp_path, text):
    path = tmp_path / "clips.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_with_every_column(tmp_path):
    columns = ["clip", "video", "start", "end", "speaker", "split", "truth", "audio", "crop"]
    values = ["a", "x y.mp4", "1.5", "", "ann", "test", "t.json", "x y.wav", "8,0,64,48"]
    path = table(tmp_path, "\t".join(columns) + "\n" + "\t".join(values) + "\n")
    row = ClipRow("a", "x y.mp4", 1.5, None, "ann", "test", "t.json", "x y.wav", Box(8, 0, 64, 48))
    assert read_clips(path) == [row]


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
        ("clip\tvideo\tcrop\na\tb\t8,0,64\n", "line 2: crop is '8,0,64'"),
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


def test_sources_are_clips_and_what_is_named_for_dubbing(tmp_path):
    path = table(tmp_path, "clip\tvideo\ttruth\na\ta.mp4\tt.json\nb\tb.mp4\t\n")
    sources = read_sources(path, {"pictures": {"portrait": "p.png"}, "speech": {"words": "w.wav"}})
    assert [sources[name].video for name in ("a", "portrait", "words")] == ["a.mp4", "p.png", "w.wav"]
    needed = {name: sources.required_tracks(name) for name in ("a", "portrait", "words")}
    assert needed == {"a": ["video", "audio"], "portrait": ["video"], "words": ["audio"]}
    assert sources.mouth_opening_file("a") == "t.json"
    assert sources.mouth_opening_file("b") == "results/landmarks/b.npz"
    with pytest.raises(InputError, match="nobody: is named nowhere"):
        sources["nobody"]


@pytest.mark.parametrize(
    "dub", [{"pictures": {"a": "p"}, "speech": {}}, {"pictures": {"p": "p"}, "speech": {"p": "p"}}]
)
def test_a_name_for_dubbing_that_is_taken_is_refused(tmp_path, dub):
    with pytest.raises(InputError, match="is no safe file name, or is taken"):
        read_sources(table(tmp_path, "clip\tvideo\na\ta.mp4\n"), dub)
