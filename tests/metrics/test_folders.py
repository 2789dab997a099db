"""Two folders of videos from the command line: the same names, two systems, and videos that cannot be used."""

import json
import subprocess
import sys

import numpy as np
import pytest

from metrics.folders import generated_pairs, videos
from metrics.tables import read_metrics, read_summary
from toolkit.errors import InputError
from toolkit.media.audio import write_audio
from toolkit.media.ffmpeg import run, source, target
from toolkit.media.mux import mux
from toolkit.media.writer import write_video

FRAMES = 16


def opening(rate):
    """Pixels of a 256-pixel portrait."""
    return 7 - 7 * np.cos(2 * np.pi * rate * np.arange(FRAMES) / 25)


@pytest.fixture(scope="module")
def scored(tmp_path_factory, portrait):
    """The folder in which the command has run, and what it printed."""
    folder = tmp_path_factory.mktemp("folders")
    write_audio(folder / "sound.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 640 * FRAMES).astype(np.float32))
    for name, rate in (("ann", 1.5), ("bob", 2.5)):
        write_video(folder / f"{name}.mp4", portrait(opening(rate)))
        (folder / "real").mkdir(exist_ok=True)
        mux(folder / f"{name}.mp4", folder / "sound.wav", folder / f"real/{name}.mp4", title=name, comment="")
    for system in ("one", "two"):
        (folder / "made" / system).mkdir(parents=True)
    write_video(folder / "made/one/ann.mp4", portrait(opening(1.5), 128))
    write_video(folder / "made/one/ann--bob.mp4", portrait(opening(2.5)))
    slower = source(folder / "ann.mp4")["v"].filter("fps", 50)
    run(target(folder / "made/two/ann.mp4", slower, f="mp4", vcodec="libx264"), folder)
    (folder / "made/two/bob.mp4").write_bytes(b"no video")
    write_video(folder / "made/two/carl.mp4", portrait(opening(1)))
    whole = bytearray((folder / "ann.mp4").read_bytes())
    damaged = slice(len(whole) * 6 // 10, len(whole) * 9 // 10)
    whole[damaged] = np.random.default_rng(0).bytes(len(whole[damaged]))
    (folder / "made/two/ann--bob.mp4").write_bytes(whole)
    command = [sys.executable, "-m", "metrics", "--reference", folder / "real", "--generated", folder / "made"]
    result = subprocess.run([*command, "--output", folder / "out.csv"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return folder, result.stderr


def test_the_table_is_the_workflows(scored):
    table = read_metrics(scored[0] / "out.csv")
    assert list(zip(table["system"], table["pair"], table["kind"], strict=True)) == [
        ("ground_truth", "ann--ann", "self"),
        ("ground_truth", "bob--bob", "self"),
        ("one", "ann--bob", "crossed"),
        ("one", "ann--ann", "self"),
        ("two", "ann--ann", "self"),
    ]
    table = table.set_index(["system", "pair"])
    assert table.loc[("ground_truth", "ann--ann"), ["f_lmd", "mouth_correlation"]].tolist() == [0, 1]
    assert table.loc[("one", "ann--ann"), "psnr"] > 25
    assert (
        table.loc[("one", "ann--bob"), "mouth_correlation"]
        > 0.8
        > table.loc[("one", "ann--bob"), "mouth_correlation_video"]
    )
    assert np.isnan(table.loc[("one", "ann--bob"), "psnr"])
    assert table.loc[("one", "ann--bob"), "csim_dlib"] > 0.96


def test_the_summary_stands_beside_it(scored):
    summary = read_summary(scored[0] / "out_summary.csv").set_index(["system", "kind", "metric"])
    assert summary.loc[("ground_truth", "self", "ssim"), "mean"] == pytest.approx(1)
    assert summary.loc[("one", "self", "psnr"), "count"] == 1


def test_the_records_say_what_was_done_to_each_video(scored):
    records = {(r["system"], r["pair"]): r for r in json.loads((scored[0] / "out.json").read_text())}
    faster = records["two", "ann--ann"]
    assert faster["settings"]["generated video"] == "resampled from 50 frames a second, without loss"
    assert faster["counts"]["frames"] == FRAMES
    assert faster["metrics"]["psnr"] > 35
    assert faster["settings"]["sound"] == "the real video's"
    assert records["ground_truth", "ann--ann"]["settings"]["sound"] == "the generated video's"
    assert records["one", "ann--ann"]["left_out"]["lpips"] == "no weights of lpips_alex"


def test_what_cannot_be_used_is_named_and_the_rest_finished(scored):
    assert "two/bob.mp4" in scored[1]
    assert "carl: the reference folder has no video of this name" in scored[1]
    assert "two/ann--bob.mp4, or the real video: damaged" in scored[1]
    assert "Traceback" not in scored[1]
    assert "100%" in scored[1]


def test_nothing_to_score_is_an_error_of_one_line(tmp_path):
    (tmp_path / "made").mkdir()
    command = [sys.executable, "-m", "metrics", "--reference", tmp_path, "--generated", tmp_path / "made"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].endswith("Give videos of the same names as the real ones")
    result = subprocess.run([*command[:-1], tmp_path / "nowhere"], capture_output=True, text=True)
    assert (result.returncode, "Traceback" in result.stderr, "nowhere" in result.stderr) == (1, False, True)


@pytest.mark.parametrize("text", ["8", "251", "all", "-16"])
def test_windows_that_fvd_cannot_have_are_refused(text, tmp_path):
    command = [sys.executable, "-m", "metrics", "--reference", tmp_path, "--generated", tmp_path]
    result = subprocess.run([*command, f"--fvd-window={text}"], capture_output=True, text=True)
    assert (result.returncode, "neither 'whole' nor a number of frames from 9 to 250" in result.stderr) == (2, True)


def test_pairs_are_found_by_name_and_folder(tmp_path):
    for name in ("made/a.mp4", "made/notes.txt", "made/real/a.mp4", "made/sys/a--b.MOV", "made/sys/b.webm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = [tuple(pair.names.values()) for pair in generated_pairs(tmp_path / "made", tmp_path / "made/real")]
    assert names == [
        ("made", "a--a", "a", "a", "self"),
        ("sys", "a--b", "a", "b", "crossed"),
        ("sys", "b--b", "b", "b", "self"),
    ]
    (tmp_path / "made/a.avi").touch()
    with pytest.raises(InputError, match="same name"):
        videos(tmp_path / "made")
