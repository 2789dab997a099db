"""A system that is a folder, a rule file and a line of the registry goes through the workflow, and nothing else knows it."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from models.speech.sda import AudioEncoder
from tests.running import HOME, cloned, configure, planned, snakemake, table
from toolkit.faces.view import read_view
from toolkit.files import read_json
from toolkit.media.frames import read_frames
from toolkit.media.masks import read_masks

pytestmark = pytest.mark.slow

SYSTEM = HOME / "tests/sixth_system"
TRAINED, TESTED = "plain_balloons", "plain_planets"
PAIR = f"{TESTED}--{TESTED}"
TARGETS = ("results/metrics.csv", f"results/videos/tinted/{PAIR}.mp4")
MADE_BEFORE = ("inspected", "clips", "audio", "landmarks", "crops")  # of the demo's clips, in this order
LINE = '    "still": "models.still",\n'


def install(project: Path) -> None:
    """Do what docs/adding_a_system.md says: the folder, the rule file, the registry's line."""
    shutil.copytree(SYSTEM / "tinted", project / "models/tinted")
    shutil.copy(SYSTEM / "tinted.smk", project / "rules")
    registry = project / "models/registry.py"
    text = registry.read_text(encoding="utf-8")
    assert LINE in text
    registry.write_text(text.replace(LINE, LINE + '    "tinted": "models.tinted",\n'), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(demo, tmp_path_factory) -> Path:
    """A run of the system on two clips of the demo, whose files are the demo's own."""
    project, folder = (tmp_path_factory.mktemp("sixth") / name for name in ("project", "run"))
    install(cloned(project))
    for kind in MADE_BEFORE:
        (folder / "results" / kind).mkdir(parents=True)
        for path in (demo / "results" / kind).glob("plain_*"):
            if path.stem in (TRAINED, TESTED):
                os.link(path, folder / "results" / kind / path.name)
    (folder / "Snakefile").symlink_to(project / "Snakefile")
    rows = [(TRAINED, "train"), (TESTED, "test")]
    videos = [(name, str(demo / f"results/demo/{name}.mp4"), name, split, "") for name, split in rows]
    configure(folder, {"clips": "clips.tsv", "systems": ["tinted"], "metrics": {"networks": []}}, videos)
    torch.manual_seed(0)
    (folder / "weights/networks").mkdir(parents=True)
    encoder = AudioEncoder(channels=2, code=4, width=4, layers=1).state_dict()
    torch.save(encoder, folder / "weights/networks/audio_encoder.pt")
    output = snakemake(folder, *TARGETS)
    assert output.returncode == 0, output.stderr[-4000:]
    return folder


def test_its_clips_are_scored_and_nothing_is_left_to_do(folder):
    rows = {(row["system"], row["pair"]): row for row in table(folder)}
    assert rows.keys() == {("ground_truth", PAIR), ("tinted", PAIR)}
    assert float(rows["tinted", PAIR]["psnr"]) < 30
    assert rows["ground_truth", PAIR]["ssim"] == "1"
    assert planned(folder, *TARGETS) == {}


def test_the_second_stage_follows_from_the_first_and_from_the_helper_network(folder, tmp_path):
    records = [read_json(folder / f"results/models/tinted/{stage}.json") for stage in ("base", "tone")]
    assert [record["clips"] for record in records] == [[TRAINED]] * 2
    files = read_json(folder / "results/checkpoints/tinted/tone/run.json")["files"]
    learnt_from = ("models/tinted/base.safetensors", "weights/networks/sda.safetensors", f"light/{TRAINED}.npz")
    assert {f"results/{name}" for name in learnt_from} <= files.keys()
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump({"tinted": {"training": {"base": {"steps": 5}, "tone": {"steps": 4}}}}))
    rules = planned(folder, *TARGETS, "--configfile", str(changed))
    assert rules.keys() >= {"train_tinted_base", "train_tinted_tone", "sample_tinted", "mux_video"}
    assert not {"measure_light", "crop_faces"} & rules.keys()


def test_each_picture_is_pasted_by_its_own_mask(folder):
    masks, sample, source, video = (
        list(read(folder / "results" / name))
        for read, name in [
            (read_masks, f"samples/tinted/{PAIR}.mask.mkv"),
            (read_frames, f"samples/tinted/{PAIR}.mp4"),
            (read_frames, f"clips/{TESTED}.mp4"),
            (read_frames, f"videos/tinted/{PAIR}.mp4"),
        ]
    )
    assert len(masks) == len(sample) == len(source) == len(video)
    view = read_view(folder / f"results/crops/{TESTED}.npz")
    for index in (0, 20, 40):
        differences = [
            np.abs(view.paste(source[index], sample[index], mask / 255, index).astype(float) - video[index]).mean()
            for mask in (masks[index], masks[index + 40])
        ]
        assert 2 * differences[0] < differences[1], (index, differences)  # the first is the encoding's
