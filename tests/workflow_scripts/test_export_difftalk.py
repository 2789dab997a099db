"""The workflow's rules of the export (export_difftalk_clip, export_difftalk): run, taken up again, and imported again."""

import shutil

import numpy as np
import pytest
from skimage import data

from tests.running import configure, planned, snakemake
from tests.small_clips import small_clip
from tests.toolkit.datasets.difftalk_folder import logits
from tests.toolkit.media.synthetic_clips import clicks, even_times, make_clip
from toolkit.clips import read_clips
from toolkit.datasets.difftalk import main
from toolkit.files import write_npy
from toolkit.media.audio import read_audio, write_audio
from toolkit.media.frames import read_frames
from workflow_scripts.export_difftalk import export_difftalk
from workflow_scripts.export_difftalk_clip import export_difftalk_clip

TARGET = "results/export/difftalk"


@pytest.mark.slow
def test_from_videos_to_the_published_layout_and_back(tmp_path):
    face = np.ascontiguousarray(data.astronaut()[:256, 96:352])
    rows = []
    for name, split in (("ann", "train"), ("bob", "test"), ("eve", "train")):
        pictures = [np.roll(face, round(4 * np.sin(number / 3)), axis=1) for number in range(20)]
        make_clip(tmp_path / f"{name}.mp4", even_times(25, 0.8), pictures=pictures, sound=clicks([0.4], 0.8))
        write_npy(tmp_path / f"rows/{name}.npy", logits(40))
        rows.append((name, f"{name}.mp4", name, split, ""))
    speech = {"deepspeech": {"kind": "files", "folder": "rows", "rate": 50}}
    system = {"systems": ["difftalk"], "difftalk": {"speech": "deepspeech"}}
    configure(tmp_path, {"clips": "clips.tsv", **system, "speech": speech}, rows)

    output = snakemake(tmp_path, TARGET)
    assert output.returncode == 0, output.stderr
    assert "fewer than 122 frames" in output.stderr
    folder = tmp_path / TARGET
    assert (folder / "HDTF/identities.tsv").read_text() == "identity\tclip\n1\tann\n2\teve\n3\tbob\n"
    assert (folder / "HDTF/data.txt").read_text() == "1 20\n2 20\n3 20\n"

    options = ["--data", folder, "--output", tmp_path / "again.tsv", "--clips-output", tmp_path / "again"]
    assert main([str(option) for option in options]) == 0
    for row in read_clips(tmp_path / "again.tsv"):
        view = np.stack(list(read_frames(tmp_path / f"results/crops/{row.clip}.mp4"))).astype(int)
        assert np.abs(np.stack(list(read_frames(row.video))) - view).mean() < 1.6
        assert np.array_equal(read_audio(row.audio), read_audio(tmp_path / f"results/audio/{row.clip}.wav"))

    # stopped before its last clip, it goes on with that one
    shutil.rmtree(tmp_path / "results/export/difftalk_clips/eve")
    shutil.rmtree(folder)
    assert planned(tmp_path, TARGET) == {"export_difftalk_clip": 1, "export_difftalk": 1}


def test_the_scripts_name_identities_in_the_order_of_the_clips(tmp_path):
    for name in ("b", "a"):
        clip = small_clip(tmp_path, name, frames=9)
        write_npy(tmp_path / "rows.npy", logits(18))
        write_audio(tmp_path / f"{name}.wav", np.zeros(9 * 640, np.float32))
        files = (clip["view"], clip["transform"], tmp_path / "rows.npy", tmp_path / f"{name}.wav")
        export_difftalk_clip(*files, tmp_path / f"clips/{name}")
        (tmp_path / f"{name}.txt").write_text(f"{name}\n")
    clips = [tmp_path / "clips/b", tmp_path / "clips/a"]
    export_difftalk(clips, tmp_path / "b.txt", tmp_path / "a.txt", tmp_path / "data")
    assert (tmp_path / "data/HDTF/identities.tsv").read_text() == "identity\tclip\n1\tb\n2\ta\n"
    assert (tmp_path / "data/data_train.txt").read_text().startswith("1_1\n")
    assert (tmp_path / "data/data_test.txt").read_text().startswith("2_1\n")
