import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.toolkit.media.synthetic_clips import even_times, make_clip
from toolkit.clips import ClipRow, read_clips
from toolkit.datasets.hdtf import main
from toolkit.media.box import Box

HOME = Path(__file__).parents[3]


def annotate(folder: Path, part: str = "RD", **lists: str) -> Path:
    """HDTF's lists of one part."""
    folder.mkdir(exist_ok=True)
    for name, text in lists.items():
        (folder / f"{part}_{name}.txt").write_text(text)
    return folder


def video(path: Path, width: int = 160, height: int = 90, seconds: float = 6) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((height, width, 3), 110, np.uint8)
    return make_clip(path, even_times(5, seconds), pictures=[picture] * int(5 * seconds))


def run(tmp_path: Path, *options: str) -> tuple[int, list[ClipRow]]:
    table = tmp_path / "clips.tsv"
    table.unlink(missing_ok=True)
    words = ["--annotations", tmp_path / "lists", "--videos", tmp_path / "videos", "--output", table, *options]
    status = main([str(word) for word in words])
    return status, read_clips(table) if table.exists() else []


def test_a_clip_for_each_window_with_its_box_and_its_speaker(tmp_path):
    annotate(
        tmp_path / "lists",
        annotion_time="Radio11.mp4 00:01-00:03 00:04-00:06 \n",
        crop_wh="Radio11_0.mp4 40 64 8 60\nRadio11_1.mp4 30 70 0 70\n",
        resolution="Radio11.mp4 90\n",
    )
    annotate(
        tmp_path / "lists",
        "WDA",
        annotion_time="Amy-Ann0.mp4 00:00-00:02\nAmy-Ann1.mp4 00:00-00:02\n",
        crop_wh="Amy-Ann0_0.mp4 0 90 0 90\nAmy-Ann1_0.mp4 0 90 0 90\n",
    )
    first = video(tmp_path / "videos/Radio11.mp4")
    others = [video(tmp_path / "videos/WDA" / name) for name in ("Amy-Ann0.mkv", "Amy-Ann1.mp4")]
    status, rows = run(tmp_path)
    assert status == 0
    assert rows == [
        ClipRow("Radio11_0", str(first), 1.0, 3.0, "Radio11", crop=Box(40, 8, 64, 60)),
        ClipRow("Radio11_1", str(first), 4.0, 6.0, "Radio11", crop=Box(30, 0, 70, 70)),
        ClipRow("Amy-Ann0_0", str(others[0]), 0.0, 2.0, "Amy-Ann", crop=Box(0, 0, 90, 90)),
        ClipRow("Amy-Ann1_0", str(others[1]), 0.0, 2.0, "Amy-Ann", crop=Box(0, 0, 90, 90)),
    ]


@pytest.mark.parametrize(("rows", "box"), [("90", Box(40, 8, 64, 60)), ("180", Box(20, 4, 32, 30))])
def test_a_box_follows_the_resolution_of_the_users_copy(tmp_path, rows, box):
    annotate(
        tmp_path / "lists",
        annotation_time="Radio1.mp4 00:01-00:03",
        crop_wh="Radio1_0.mp4 40 64 8 60",
        resolution=f"Radio1.mp4 {rows}",
    )
    video(tmp_path / "videos/Radio1.mp4")
    assert [row.crop for row in run(tmp_path)[1]] == [box]


def test_a_rounded_box_stays_in_the_picture(tmp_path):
    """3/2 of 59 is 88.5."""
    annotate(
        tmp_path / "lists",
        annotion_time="Radio1.mp4 00:01-00:03",
        crop_wh="Radio1_0.mp4 47 59 1 59",
        resolution="Radio1.mp4 100",
    )
    video(tmp_path / "videos/Radio1.mp4", 160, 150)
    assert [row.crop for row in run(tmp_path)[1]] == [Box(70, 2, 88, 88)]
    video(tmp_path / "videos/Radio1.mp4", 156, 150)
    assert [row.crop for row in run(tmp_path)[1]] == [Box(70, 2, 86, 88)]


def test_without_resolutions_boxes_are_taken_as_they_are_and_it_is_said(tmp_path, capsys):
    lists = annotate(
        tmp_path / "lists",
        annotion_time="Radio1.mp4 00:01-00:03\nRadio2.mp4 00:01-00:03",
        crop_wh="Radio1_0.mp4 40 64 8 60",
    )
    video(tmp_path / "videos/Radio1.mp4")
    video(tmp_path / "videos/Radio2.mp4")
    assert [row.crop for row in run(tmp_path)[1]] == [Box(40, 8, 64, 60), None]
    words = capsys.readouterr().err
    assert "1 clips have no box" in words
    assert "Radio2_0" in words
    assert "no *_resolution.txt" in words
    (lists / "RD_crop_wh.txt").write_text("Radio1_0.mp4 140 64 8 60")
    assert run(tmp_path)[0] == 1
    assert "160 x 90, does not hold its box 140,8,64,60. Add the published" in capsys.readouterr().err
    assert [row.crop for row in run(tmp_path, "--no-crop")[1]] == [None, None]


def test_wrong_lines_and_missing_videos_are_said_all_at_once(tmp_path, capsys):
    annotate(
        tmp_path / "lists",
        annotion_time="Radio1.mp4 00:01-00:03 00:05-00:04\n../x.mp4 00:01-00:02\nRadio2.mp4 0-5\n"
        "Radio3.mp4 00:01-00:02 00:03-00:04\nRadio1.mp4 05:00-06:00\n",
        crop_wh="Radio1_0.mp4 40 64 8\n",
    )
    (tmp_path / "x.mp4").touch()
    video(tmp_path / "videos/Radio1.mp4")
    assert run(tmp_path) == (1, [])
    words = capsys.readouterr().err.splitlines()
    for problem in [
        "RD_annotion_time.txt, line 1: '00:05-00:04' is no window of time",
        "RD_annotion_time.txt, line 2: '../x.mp4' is no name of a video",
        "RD_annotion_time.txt, line 3: '0-5' is no window of time",
        "RD_crop_wh.txt, line 1: holds no box of four numbers",
        "Radio1_0: ends at 360 s, but",
    ]:
        assert any(line.startswith(problem) for line in words), problem
    assert len([line for line in words if "Radio3.mp4 does not exist" in line]) == 1
    assert "6 problems; nothing written" in words[-1]
    status, rows = run(tmp_path, "--skip")
    assert (status, [(row.clip, row.crop) for row in rows]) == (0, [("Radio1_0", None)])


def test_a_folder_without_lists(tmp_path, capsys):
    (tmp_path / "lists").mkdir()
    assert run(tmp_path) == (1, [])
    assert "holds no list of times" in capsys.readouterr().err


def test_the_command(tmp_path):
    annotate(tmp_path / "lists", annotion_time="Radio1.mp4 00:01-00:03")
    video(tmp_path / "videos/Radio1.mp4")
    command = [sys.executable, "-m", "toolkit.datasets.hdtf", "--annotations", str(tmp_path / "lists")]
    command += ["--videos", str(tmp_path / "videos"), "--output", str(tmp_path / "t.tsv")]
    result = subprocess.run(command, cwd=HOME, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "undecided: 1 clips, 1 speakers" in result.stdout
