"""Lists of Diffused Heads' users as a clips table: their forms, their mistakes, and the command."""

import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.clips import read_clips
from toolkit.datasets.diffused_heads import CREMA_TEST, LAYOUTS, main, read_list
from toolkit.errors import InputError

HOME = Path(__file__).parents[3]


def place(data: Path, *names: str, layout: tuple[str, str] = LAYOUTS[0], sound: str = ".wav") -> Path:
    """Empty files of a data set: videos, and sound of the same name."""
    for name in names:
        for folder, file in zip(layout, (f"{name}.mp4", f"{name}{sound}"), strict=True):
            (data / folder / file).parent.mkdir(parents=True, exist_ok=True)
            (data / folder / file).touch()
    return data


def run(data: Path, *arguments: str | Path) -> tuple[int, list]:
    table = data.parent / "clips.tsv"
    status = main(["--data", str(data), "--output", str(table), *map(str, arguments)])
    return status, read_clips(table) if table.exists() else []


def test_a_list_of_each_side(tmp_path):
    data = place(tmp_path / "crema", "s15/1015_DFA_ANG_XX", "s01/1001_IEO_SAD_HI", "s01/1001_WSI_NEU_XX")
    (data / "file_list_train.txt").write_text("./s01/1001_IEO_SAD_HI.mp4\n./s01/1001_WSI_NEU_XX.mp4\n")
    (data / "file_list_test.txt").write_text("./s15/1015_DFA_ANG_XX.mp4\n")
    status, rows = run(data)
    assert status == 0
    assert [(row.clip, row.speaker, row.split) for row in rows] == [
        ("s15_1015_DFA_ANG_XX", "15", "test"),
        ("s01_1001_IEO_SAD_HI", "1", "train"),
        ("s01_1001_WSI_NEU_XX", "1", "train"),
    ]
    assert rows[0].video == str(data / "video/s15/1015_DFA_ANG_XX.mp4")
    assert rows[0].audio == str(data / "audio/s15/1015_DFA_ANG_XX.wav")


@pytest.mark.parametrize(
    "text",
    [
        b"./a/x.mp4\n./b/y z.mp4\n",
        b"./a/x.mp4\n./b/y z.mp4",
        b"./a/x.mp4\r\n./b/y z.mp4\r\n",
        b"\xef\xbb\xbf\n  ./a/x.mp4  \n\n\t\n./b/y z.mp4\n\n",
        b".\\a\\x.mp4\r\n.\\b\\y z.mp4",
        b"a/x\nb/y z\n",
    ],
    ids=["plain", "no newline at the end", "Windows", "blank lines and a BOM", "backslashes", "no suffix"],
)
def test_forms_of_a_line(tmp_path, text):
    data = place(tmp_path / "data", "a/x", "b/y z")
    (data / "file_list_test.txt").write_bytes(text)
    status, rows = run(data)
    assert status == 0
    assert [(row.clip, row.speaker) for row in rows] == [("a_x", "a"), ("b_y_z", "b")]
    assert [Path(row.video).name for row in rows] == ["x.mp4", "y z.mp4"]


@pytest.mark.parametrize("layout", LAYOUTS, ids=["usual", "vox", "avspeech"])
@pytest.mark.parametrize("sound", [".wav", ".mp3"])
def test_layouts_and_sounds(tmp_path, layout, sound):
    data = place(tmp_path / "vox", "id1/v/00001", layout=layout, sound=sound)
    (data / "file_list_train_new.txt").write_text("./id1/v/00001.mp4\n")
    _, (row,) = run(data)
    assert (row.clip, row.speaker, row.split) == ("id1_v_00001", "id1", "train")
    assert row.audio == str(data / layout[1] / f"id1/v/00001{sound}")


def crema_clips() -> list[str]:
    """What each actor of CREMA says: twelve sentences in six emotions, one of them at three intensities."""
    others = ["DFA", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI"]
    felt = ["ANG", "DIS", "FEA", "HAP", "SAD"]
    plain = [f"{sentence}_{emotion}_XX" for sentence in others for emotion in (*felt, "NEU")]
    return [*plain, *(f"IEO_{emotion}_{level}" for emotion in felt for level in ("LO", "MD", "HI")), "IEO_NEU_XX"]


def test_the_published_test_list_of_crema(tmp_path):
    """820 lines, 82 of each of ten actors; nothing is published of the other side."""
    tested = [f"s{actor}/10{actor}_{clip}" for actor in CREMA_TEST for clip in crema_clips()]
    data = place(tmp_path / "crema", *tested, "s01/1001_IEO_SAD_HI", "s02/1002_IEO_SAD_HI")
    lines = "\n".join(f"./{name}.mp4" for name in tested)
    (data / "file_list_test.txt").write_text(lines)
    status, rows = run(data)
    assert (status, len(rows), {row.split for row in rows}) == (0, 820, {"test"})
    assert {row.speaker for row in rows} == set(CREMA_TEST)
    status, with_rest = run(data, "--rest", "train")
    assert with_rest[:820] == rows
    assert [(row.speaker, row.split) for row in with_rest[820:]] == [("1", "train"), ("2", "train")]
    status, by_actor = run(data, "--test-actors", "crema")
    assert status == 0
    assert sorted(by_actor, key=lambda row: row.clip) == sorted(with_rest, key=lambda row: row.clip)


@pytest.mark.parametrize("actors", ["15,2", "s15, s2", "15 2"])
def test_actors_in_place_of_lists(tmp_path, actors):
    data = place(tmp_path / "crema", "s15/1015_DFA_ANG_XX", "1002_DFA_ANG_XX", "s3/x")
    _, rows = run(data, "--test-actors", actors)
    sides = {row.clip: row.split for row in rows}
    assert sides == {"1002_DFA_ANG_XX": "test", "s15_1015_DFA_ANG_XX": "test", "s3_x": "train"}


def test_actors_that_are_not_there_are_named(tmp_path, capsys):
    data = place(tmp_path / "crema", "s15/1015_DFA_ANG_XX")
    assert run(data, "--test-actors", "15,99") == (1, [])
    assert "no clip is of 99" in capsys.readouterr().err


def test_without_lists_the_side_is_left_open(tmp_path):
    data = place(tmp_path / "data", "a/x", "a/.hidden", "b/y")
    assert [(row.clip, row.split) for row in run(data)[1]] == [("a_x", ""), ("b_y", "")]


def test_wrong_lines_are_told_all_at_once(tmp_path, capsys):
    data = place(tmp_path / "data", "a/x", "a/y", "a/silent", "a/o\ndd")
    (data / "audio/a/silent.wav").unlink()
    (data / "secret.mp4").touch()
    lines = ["./a/x.mp4", "../secret.mp4", "/etc/x.mp4", "./a/none.mp4", "a/x.mp4", "./a/silent.mp4", "a/t\tb.mp4"]
    (data / "file_list_train.txt").write_text("\n".join([*lines, "a/" + 300 * "n", "./a/y.mp4"]))
    assert run(data) == (1, [])
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 8
    for number, problem in [
        (2, "'../secret.mp4' lies outside the video folder"),
        (3, "'/etc/x.mp4' lies outside the video folder"),
        (4, "none.mp4 does not exist"),
        (5, "a/x.mp4 was named in file_list_train.txt, line 1 already"),
        (6, "silent.wav nor"),
        (7, r"'a/t\tb.mp4' holds a control character"),
        (8, "does not exist"),
    ]:
        assert any(line.startswith(f"file_list_train.txt, line {number}: ") and problem in line for line in told), (
            number
        )
    assert told[-1].startswith("7 problems; nothing written")
    status, rows = run(data, "--skip")
    assert (status, [row.clip for row in rows]) == (0, ["a_x", "a_y"])


def test_a_video_on_both_sides(tmp_path, capsys):
    data = place(tmp_path / "data", "a/x", "a/y")
    (data / "file_list_test.txt").write_text("a/x.mp4\n")
    (data / "file_list_train.txt").write_text("a/y.mp4\na/x.mp4\n")
    assert run(data) == (1, [])
    assert "a/x.mp4 was named in file_list_test.txt, line 1 already" in capsys.readouterr().err
    (data / "file_list_train.txt").write_text("a/y.mp4\n")
    assert run(data)[0] == 0
    assert "1 speakers are on both sides, for example a" in capsys.readouterr().err


def test_clip_names_stay_apart(tmp_path):
    data = place(tmp_path / "data", "a_b/c", "a/b_c", "a/b--c", "顔/é")
    names = [row.clip for row in run(data)[1]]
    assert names == ["a_b-c", "a_b_c", "a_b_c_2", "顔_é"]


def test_lists_that_cannot_be_read(tmp_path, capsys):
    data = place(tmp_path / "data", "a/x")
    (tmp_path / "names.txt").touch()
    (tmp_path / "test.txt").write_bytes(b"\xff\xfe\x00")
    (data / "empty_test.txt").write_text("\n\n")
    for name, problem in [
        ("names.txt", "neither `train` nor `test`"),
        ("test.txt", "not UTF-8"),
        ("missing_test.txt", "no such file"),
    ]:
        with pytest.raises(InputError, match=problem):
            read_list(tmp_path / name)
    assert run(data, "--list", "empty_test.txt") == (1, [])
    assert "no clip is named" in capsys.readouterr().err


def test_a_folder_of_another_form(tmp_path, capsys):
    assert run(tmp_path) == (1, [])
    assert "video/ and audio/; videos/train/ and audio/train/" in capsys.readouterr().err


def test_embeddings_are_linked_by_clip_name(tmp_path, capsys):
    data = place(tmp_path / "data", "s15/1015_DFA_ANG_XX", "s15/1015_IEO_ANG_XX")
    made = tmp_path / "emb/s15/1015_DFA_ANG_XX.pth"
    made.parent.mkdir(parents=True)
    made.write_text("one")
    options = ["--embeddings", tmp_path / "emb", "--embeddings-output", tmp_path / "links"]
    assert run(data, *options) == (1, [])
    assert f"{tmp_path}/emb/s15/1015_IEO_ANG_XX.pth does not exist" in capsys.readouterr().err
    (made.parent / "1015_IEO_ANG_XX.npy").write_text("two")
    status, rows = run(data, *options)
    assert status == 0
    links = {path.name: path.read_text() for path in (tmp_path / "links").iterdir()}
    assert links == {"s15_1015_DFA_ANG_XX.pth": "one", "s15_1015_IEO_ANG_XX.npy": "two"}
    assert {Path(name).stem for name in links} == {row.clip for row in rows}


def test_the_command(tmp_path):
    data = place(tmp_path / "data", "a/x")
    (data / "file_list_test.txt").write_text("./a/x.mp4")
    command = [
        sys.executable,
        "-m",
        "toolkit.datasets.diffused_heads",
        "--data",
        str(data),
        "--output",
        str(tmp_path / "t.tsv"),
    ]
    result = subprocess.run(command, cwd=HOME, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "test: 1 clips, 1 speakers" in result.stdout
    assert "nobody is left to train with" in result.stderr
    assert [row.clip for row in read_clips(tmp_path / "t.tsv")] == ["a_x"]
