"""benchmarks.gpu at tiny sizes on whatever device is here: every part writes its rows, with the packages of a GPU machine."""

import csv
import dataclasses
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement

from benchmarks.gpu import learning, page, prepare, speed, steps
from benchmarks.gpu.__main__ import SECONDS, main
from benchmarks.gpu.clock import milliseconds, operations, top_kernels
from benchmarks.gpu.measure import measure
from benchmarks.gpu.prepared import PARTS, SIZE, Prepared, published_clip, speech_of
from benchmarks.gpu.samplers import Run
from benchmarks.gpu.sheet import Repainted, read_sheet, write_sheet
from benchmarks.gpu.speed import Way, choices
from benchmarks.gpu.systems import GOALS, NETWORKS, PUBLISHED, SYSTEMS, TINY
from benchmarks.gpu.table import Table
from models.registry import get_system
from models.training.losses import perceptual_loss
from tests.gpu_folders import small_out, small_prepared
from toolkit.errors import InputError
from toolkit.media.frames import read_frames

ROOT = Path(__file__).parents[2]
PACKAGES = ("torch", "numpy", "opencv-python-headless", "pillow", "lightning", "safetensors")
"""All that a GPU machine has."""
TWICE = """
import sys
from benchmarks.gpu.__main__ import main
_, clips, out = sys.argv
main([clips, out + "/faces", "--tiny", "--parts", "d", "--seconds", "3"])
main([clips, out + "/others", "--tiny", "--parts", "bcea", "--seconds", "60", "--cases", "diffdub/sequence"])
"""
"""A training takes the seconds that it gets, all other parts as long as they need."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """PREPARED of a moment's making."""
    return small_prepared(tmp_path_factory.mktemp("gpu") / "prepared")


@pytest.fixture(scope="module")
def talkers(tmp_path_factory) -> Path:
    """PREPARED as `prepare` makes it, its real speakers being rendered ones."""
    folder = tmp_path_factory.mktemp("gpu")
    data = folder / "data/hdtf256"
    data.mkdir(parents=True)
    video = prepare._rendered("plain_walk", folder)
    for name in ("ann", "bob"):
        (data / f"{name}.mp4").symlink_to(video)
    main(["prepare", str(folder / "data"), str(folder / "prepared"), "--tiny"])
    return folder / "prepared"


def rows_of(folder: Path) -> list[dict]:
    with (folder / "gpu.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def only(folder: Path, names: tuple[str, ...]) -> Path:
    """A folder of links to some packages and all that they need."""
    folder.mkdir()
    needed, wanted = set(), list(names)
    while wanted:
        name = wanted.pop()
        try:
            found = distribution(name)
        except PackageNotFoundError:  # of another platform
            continue
        if found.name not in needed:
            needed.add(found.name)
            requirements = map(Requirement, found.requires or ())
            wanted += [each.name for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})]
            for top in {file.parts[0] for file in found.files} - {"..", "__pycache__"}:
                if not (folder / top).exists():
                    (folder / top).symlink_to(found.locate_file(top))
    return folder


@pytest.mark.slow
def test_every_part_runs_with_the_packages_of_a_gpu_machine(tmp_path, clips):
    environment = {**os.environ, "PYTHONPATH": f"{only(tmp_path / 'packages', PACKAGES)}:{ROOT}"}
    run = subprocess.run(
        [sys.executable, "-S", "-c", TWICE, clips, tmp_path / "out"], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    rows = rows_of(tmp_path / "out/others")
    assert {row["part"] for row in rows} == set(SECONDS) - {"d"}
    for part in "bce":
        assert {row["system"] for row in rows if row["part"] == part} == set(SYSTEMS)
    assert all(float(row["value"]) < 1e-4 for row in rows if row["part"] == "a")
    assert all(float(row["value"]) > 0 for row in rows if "a second" in row["unit"])
    compiled = [row for row in rows if row["settings"].endswith("compiled") and row["unit"].startswith("frames")]
    assert len(compiled) == len(NETWORKS)
    assert all(float(row["times the published flow (goal 10 to 20)"]) > 0 for row in compiled)
    stages = {(row["system"], row["what"]) for row in rows if row["part"] == "e"}
    assert stages == {(name, stage) for name in SYSTEMS for stage in get_system(name).stages}
    text = (tmp_path / "out/others/gpu.md").read_text(encoding="utf-8")
    assert "not run on the device: none" in text
    assert "stopped" not in text
    assert "no time left" not in text
    learned = rows_of(tmp_path / "out/faces")
    assert {row["unit"] for row in learned} == {"steps", "seconds of training", "dB in the window"}
    assert sum(row["unit"] == "steps" for row in learned) == 3
    names = {path.name for path in (tmp_path / "out/faces").iterdir()}
    assert names == {"gpu.md", "gpu.csv", "seventh.npz", "seventh.png", "talkers.npz", "talkers.png"}


def test_what_does_not_fit_into_the_time_is_said(tmp_path, clips):
    main([str(clips), str(tmp_path), "--tiny", "--seconds", "0"])
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "b: diffdub renderer UNet batch 1, float32, contiguous: no time left" in text
    assert "b: diffdub renderer UNet batch 1, bfloat16, contiguous, compiled: no time left" in text
    assert "c: diffused_heads 2 clips side by side, bfloat16: no time left" in text
    assert "d: six speakers: no time left" in text
    assert "e: diffused_heads unet batch 2, 32-true: no time left" in text
    assert "diffdub/sequence.forward (no time left)" in text


def test_what_a_killed_run_leaves_says_what_was_not_run(tmp_path):
    table = Table(tmp_path)
    with table.unfinished("stopped in part b; parts not run: d, c"):
        assert "parts not run: d, c" in (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "parts not run" not in (tmp_path / "gpu.md").read_text(encoding="utf-8")


def test_a_part_that_fails_is_said_and_the_next_one_runs(tmp_path, clips, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(speed, "sampling", broken)
    with pytest.raises(SystemExit, match="a part failed"):
        main([str(clips), str(tmp_path), "--tiny", "--seconds", "0", "--parts", "bd"])
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "failed: RuntimeError: no such kernel" in text
    assert "d: six speakers: no time left" in text


def test_the_published_way_comes_first_and_nothing_twice():
    found = choices((1, 4, 16, 64))
    assert found[0] == Way(1, "float32")
    assert len(set(found)) == len(found)
    assert {way.batch for way in found} == {1, 4, 16, 64}
    assert Way(1, "tf32") in found
    assert all(Way(batch, "bfloat16") in found for batch in (1, 4, 16, 64))


def test_a_flow_adds_up_the_calls_of_all_networks(tmp_path):
    unet, encoder, sequence, *_ = NETWORKS
    table = Table(tmp_path)
    times = {
        unet: {Way(1, "float32"): 10.0, Way(1, "tf32"): 8.0, Way(16, "float32"): 5.0, Way(16, "bfloat16"): 0.5},
        encoder: {Way(1, "float32"): 250.0, Way(16, "bfloat16"): 25.0},
        sequence: {Way(1, "float32"): 500.0},
    }
    speed._flow(table, "diffdub", times)
    found = {row["settings"]: row for row in table.rows if row["unit"] == "ms a frame"}
    assert [float(row["value"]) for row in found.values()] == pytest.approx([160 + 3, 100 + 3, 10 + 2.1])
    fastest = table.rows[-1]
    assert float(fastest["times the published flow (goal 10 to 20)"]) == pytest.approx(163 / 12.1, rel=0.01)
    assert fastest["goal"] == GOALS["diffdub"]


def test_where_a_goal_is_missed_the_fastest_settings_are_profiled(tmp_path, clips, monkeypatch):
    sequence = next(row for row in NETWORKS if row.network.startswith("sequence"))
    monkeypatch.setattr(speed, "NETWORKS", (dataclasses.replace(sequence, main=True),))
    monkeypatch.setitem(GOALS, "diffdub", "1e12")
    main([str(clips), str(tmp_path), "--tiny", "--seconds", "30", "--parts", "b"])
    rates = {
        row["settings"]: float(row["value"])
        for row in rows_of(tmp_path)
        if row["unit"].endswith("this network alone") and "compiled" not in row["settings"]
    }
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert f"b: diffdub {sequence.network} {max(rates, key=rates.get)}: kernels" in text
    assert text.count(" ms in all") == 1


@pytest.mark.parametrize(("fits", "expected"), [(40, [16, 32, 64]), (5, [16, 8, 4])])
def test_the_largest_batch_that_fits_is_found_by_doubling(tmp_path, monkeypatch, fits, expected):
    tried = []

    def step(task: object, batch: int, device: torch.device) -> tuple[float, float]:
        tried.append(batch)
        if batch > fits:
            raise torch.cuda.OutOfMemoryError
        return 0.5, 1.0

    monkeypatch.setattr(steps, "step", step)
    task = dataclasses.make_dataclass("Batches", ["batch_size", "precision"])(16, "16-mixed")
    table = Table(tmp_path)
    table.begin(1000)
    steps._stage(table, ["diffdub", "renderer"], task, torch.device("cpu"), tiny=False)
    assert tried == expected
    assert any("out of memory" in note for note in table.notes)


def test_an_adversarial_stage_is_timed_with_both_sides(tmp_path, clips):
    shown = published_clip(Prepared(clips).clips("speakers")[0], tmp_path, "clip", 20, TINY["difftalk"])
    task = get_system("difftalk").part("training").task("first_stage", "debug", {}, [shown])
    judge = task.module.discriminators["patches"]
    before = next(judge.parameters()).clone()
    seconds, _ = steps.step(task, 1, torch.device("cpu"), steps=1)
    assert seconds > 0
    assert not torch.equal(next(judge.parameters()), before)


def test_a_helper_network_that_is_not_carried_has_random_weights(tmp_path):
    table = Table(tmp_path)
    weights = steps.random_helpers(table, "difftalk", "first_stage", "published", tmp_path)
    assert list(weights) == ["lpips_vgg"]
    perceptual_loss(weights["lpips_vgg"])  # refuses other tensors than the network's
    assert table.notes == ["e: difftalk first_stage: lpips_vgg with random weights"]
    assert steps.random_helpers(table, "difftalk", "unet", "published", tmp_path) == {}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_sampler_gets_as_much_speech_as_frames(tmp_path, clips, system):
    shapes = PUBLISHED[system]
    clip = published_clip(Prepared(clips).clips("speakers")[0], tmp_path, "clip", 64, shapes)
    run = Run(Table(tmp_path), system, {}, clip, shapes, torch.device("cpu"), False, (1, 4, 16, 64))
    for frames in run.batches:
        assert run.request(frames).speech.shape == (shapes.speech[0] * frames, *shapes.speech[1:])


def test_a_share_leaves_the_rest_of_the_time(tmp_path):
    table = Table(tmp_path)
    table.begin(90)
    with table.share(3):
        assert table.left == pytest.approx(30, abs=1)
    with table.share(1):
        assert table.left == pytest.approx(90, abs=1)


def test_a_trial_says_how_many_steps_fit_into_the_seconds(tmp_path, monkeypatch):
    runs = []

    def run(stage: str, preset: str, clips: list, seconds: float, folder: Path, options: dict) -> tuple:
        runs.append((seconds, options))
        return {"weight": torch.zeros(1)}, 0.5, 10.0

    monkeypatch.setattr(learning, "_run", run)
    learned = learning.trained("renderer", "debug", [], 100, tmp_path, {"batch_size": 2})
    (trial, _), (rest, options) = runs
    assert trial == pytest.approx(learning.TRIAL * 100)
    assert rest == pytest.approx(100 - 10, abs=1)  # what a run needs besides its steps is left for it
    assert options == {"batch_size": 2, "steps": learned.steps}
    assert learned.steps == pytest.approx(rest / 0.5, abs=1)
    assert learned.weights.is_file()


@pytest.mark.slow
def test_prepared_clips_are_whole(talkers):
    prepared = Prepared(talkers)
    assert [clip.name for clip in prepared.clips("speakers")] == ["ann"]
    assert [clip.name for clip in prepared.clips("speaker held out")] == ["bob"]
    for part in PARTS:
        for clip in prepared.clips(part):
            pictures = np.stack(list(read_frames(clip["view"])))
            assert pictures.shape == (prepare.TINY["frames"], SIZE, SIZE, 3)
            assert clip.points.shape == (len(pictures), 68, 2)
            assert clip.ok.all()
            assert 0 < clip.points.min() < clip.points.max() < SIZE
            assert speech_of(clip).shape == (2 * len(pictures), 80)
    assert prepared.options("diffdub")["mode"] == "one_shot"


def test_more_than_a_gpu_machine_may_get_is_refused(tmp_path, monkeypatch, capsys):
    (tmp_path / "clip.npz").write_bytes(bytes(1000))
    prepare.check_size(tmp_path)
    assert "MB" in capsys.readouterr().out
    monkeypatch.setattr(prepare, "LIMIT", 1000)
    with pytest.raises(InputError, match="MB, more than"):
        prepare.check_size(tmp_path)


def test_a_sheet_gives_back_its_clips(tmp_path):
    columns = [np.full((length, 32, 32, 3), 20 * number, np.uint8) for number, length in enumerate((4, 4, 4, 3, 3, 3))]
    write_sheet(tmp_path, "some", [Repainted("ann", *columns[:3]), Repainted("bob", *columns[3:])])
    ann, bob = read_sheet(tmp_path / "some.npz")
    assert (ann.name, bob.name) == ("ann", "bob")
    for found, expected in zip((*ann[1:], *bob[1:]), columns, strict=True):
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).max() <= 2
    assert (tmp_path / "some.png").is_file()


@pytest.mark.slow
def test_mouths_are_measured_and_the_page_is_filled(tmp_path, talkers, monkeypatch):
    clip = Prepared(talkers).clips("talkers held out")[0]
    out = small_out(tmp_path, np.stack(list(islice(read_frames(clip["view"]), 25))))
    for _ in range(2):  # what was measured before is measured anew
        measure(out)
    found = {row["unit"]: float(row["value"]) for row in rows_of(out) if row["what"] == "talkers: somebody"}
    assert found["mouth correlation"] > 0.95
    assert found["mouth spread"] == pytest.approx(1, abs=0.05)
    assert found["gap"] == pytest.approx(found["mouth correlation"] - found["r, other speech"], abs=1e-3)
    assert found["r, other speech"] < 0.9
    assert len(rows_of(out)) == 1 + 4
    assert (out / "talkers.mp4").is_file()
    written = tmp_path / "page.md"
    written.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    for _ in range(2):
        page.fill([out], written)
    text = written.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert text.count("| some | network | batch 1 | 1.235 | 2 | 5 |") == 1
    assert "- some card" in text
    assert "old" not in text


def test_the_page_takes_runs_of_different_parts(tmp_path):
    for part, folder in (("b", tmp_path / "one"), ("c", tmp_path / "two")):
        table = Table(folder)
        table.note("the same card")
        table.add(part, "some", "network", "batch 1", 1, "ms")
    (tmp_path / "page.md").write_text(f"{page.BEGIN}{page.END}")
    page.fill([tmp_path / "one", tmp_path / "two"], tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert text.index("Part b:") < text.index("Part c:")
    assert text.count("the same card") == 1


def test_a_page_without_marks_is_refused(tmp_path):
    (tmp_path / "page.md").write_text("nothing")
    Table(tmp_path).note("some card")
    with pytest.raises(InputError, match="marks"):
        page.fill([tmp_path], tmp_path / "page.md")


def test_the_page_of_the_project_has_the_marks():
    text = page.PAGE.read_text(encoding="utf-8")
    assert text.count(page.BEGIN) == 1
    assert page.END in text.partition(page.BEGIN)[2]


def test_kernels_are_in_the_order_of_the_time_they_take_themselves():
    large, small = torch.ones(600, 600), torch.ones(4)
    lines = top_kernels(lambda: (large @ large, small.sin()), count=3).splitlines()
    times = [float(line.split(" ms")[0]) for line in lines]
    assert len(lines) == 4
    assert any("mm" in line for line in lines[1:])
    assert times[1:] == sorted(times[1:], reverse=True)
    assert sum(times[1:]) <= times[0] + 0.02


def test_arithmetic_is_counted_and_time_taken():
    layer = torch.nn.Linear(8, 4, bias=False)
    inputs = torch.ones(2, 8)
    assert operations(lambda: layer(inputs)) == 2 * 2 * 8 * 4
    assert milliseconds(lambda: layer(inputs), torch.device("cpu"), seconds=0.01) > 0


def test_the_table_is_whole_after_each_row_and_read_again(tmp_path):
    table = Table(tmp_path)
    table.add("b", "some", "network", "batch 1", 1.23456, "ms")
    table.add("b", "some", "network", "batch 1", 20, "frames a second", "5", 2)
    table.add("a", "other", "forward", "float32", 1e-6, "error")
    table.note("b: kernels\n\n```\n1 ms\n```")
    table.note("a: none")
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "| some | network | batch 1 | 1.235 | 20 | 2 | 5 |" in text
    assert "| other | forward | float32 | 1e-06 |" in text
    again = Table.read(tmp_path)
    assert again.rows == table.rows
    assert again.notes == table.notes
