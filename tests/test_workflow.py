"""The workflow itself, on the finished demo: what it makes, what it does not make twice, and what it does with bad input."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import yaml

from models.diffdub.recipes import RECIPES
from tests.running import HOME, command, configure, planned, snakemake, table
from tests.systems import SYSTEMS
from toolkit.media.probe import probe

pytestmark = pytest.mark.slow

TESTED = ("plain_planets", "glasses_robot")


@pytest.fixture(scope="module")
def clips(demo) -> list[str]:
    with (demo / "demo/clips.tsv").open(encoding="utf-8") as lines:
        return [row["clip"] for row in csv.DictReader(lines, delimiter="\t")]


def test_every_kind_of_file_of_the_design_is_there(demo, clips):
    results = demo / "results"
    for clip in clips:
        for made in (
            f"clips/{clip}.mp4",
            f"audio/{clip}.wav",
            f"landmarks/{clip}.npz",
            f"crops/{clip}.npz",
            f"features/mel/{clip}.npy",
        ):
            assert (results / made).is_file(), made
    assert (results / "splits/train.txt").read_text().split() == clips[:8]
    assert (results / "models/diffdub/renderer.safetensors").is_file()
    assert (results / "models/diffused_heads/unet.safetensors").is_file()
    assert probe(results / "aligned/plain_planets.mp4").frames == probe(results / "clips/plain_planets.mp4").frames
    record = json.loads((results / "models/diffdub/sequence.json").read_text())
    assert (record["preset"], record["steps"]) == ("debug", RECIPES["sequence"]["debug"].steps)
    assert record["synthetic_clips"] == len(record["clips"])
    page = (results / "report.html").read_text(encoding="utf-8")
    for system in SYSTEMS:
        assert page.count(f"{system}: its weights were trained on synthetic talkers") == 1


def test_picture_sound_and_speech_features_agree_on_the_length(demo, clips):
    for clip in clips:
        frames = probe(demo / f"results/clips/{clip}.mp4").frames
        assert soundfile.info(demo / f"results/audio/{clip}.wav").frames == 640 * frames
        assert len(np.load(demo / f"results/landmarks/{clip}.npz")["points"]) == frames
        assert len(np.load(demo / f"results/features/mel/{clip}.npy")) == 2 * frames


def test_the_table_has_a_row_per_system_and_pair(demo):
    rows = table(demo)
    pairs = {(row["system"], row["pair"]) for row in rows}
    own = {f"{clip}--{clip}" for clip in TESTED}
    crossed = {"plain_planets--glasses_robot", "glasses_robot--plain_planets"}
    expected = {("ground_truth", pair) for pair in own}
    expected |= {(system, pair) for system in ("still", *SYSTEMS) for pair in own | crossed}
    assert pairs == expected
    assert len(rows) == len(expected)


def test_the_real_clips_follow_their_own_speech_and_the_held_frame_does_not_move(demo):
    for row in table(demo):
        if row["system"] == "ground_truth":
            assert float(row["mouth_correlation"]) > 0.85
        if row["system"] == "still":
            assert float(row["mouth_spread"]) < 0.2


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_deliverable_is_as_long_as_its_speech_and_says_that_it_is_synthetic(demo, system):
    video = demo / f"results/videos/{system}/plain_planets--glasses_robot.mp4"
    speech = soundfile.info(demo / "results/audio/glasses_robot.wav")
    media = probe(video)
    assert media.frames == speech.frames // 640
    assert (media.width, media.height) == (256, 256)
    with av.open(str(video)) as container:
        assert abs(container.streams.audio[0].duration * container.streams.audio[0].time_base - speech.duration) < 0.07
        assert "synthetic" in str(container.metadata).lower()
        assert system in str(container.metadata).lower()


def test_snakemakes_own_report_holds_tables_page_and_plots(demo_copy):
    output = snakemake(demo_copy, "--report", "report.zip")
    assert output.returncode == 0, output.stderr[-3000:]
    with zipfile.ZipFile(demo_copy / "report.zip") as archive:
        names = {Path(name).name: name for name in archive.namelist()}
        assert {"metrics.csv", "summary.csv", "report.html", "mouth_correlation_self.svg"} <= names.keys()
        start = archive.read("report/report.html").decode()
    assert "one honest table" in start  # docs/report/workflow.rst


def test_a_rerun_does_nothing(demo):
    assert planned(demo) == {}


def test_a_changed_option_redoes_only_what_depends_on_it(demo, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump({"diffdub": {"sampling": {"steps": 4}}}))
    rules = planned(demo, "--configfile", str(changed))
    assert rules == {"sample_diffdub": 4, "mux_video": 4, "score_pairs": 1, "collect_scores": 1, "build_report": 1}


def test_where_a_made_face_goes_is_decided_after_it_is_drawn(demo, tmp_path):
    rules = {}
    for option, value in (("paste", "nothing"), ("steps", 3)):
        changed = tmp_path / f"{option}.yaml"
        changed.write_text(yaml.safe_dump({"diffused_heads": {"sampling": {option: value}}}))
        rules[option] = planned(demo, "--configfile", str(changed))
    assert rules["paste"] == {"mux_video": 4, "build_report": 1}
    assert rules["steps"]["link_sample_diffused_heads"] == rules["steps"]["mux_video"] == 4
    assert not {"train_diffused_heads", "align_faces", "sample_diffdub"} & set(rules["steps"])


def test_one_more_sequence_step_leaves_the_renderer_alone(demo, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump({"diffdub": {"training": {"sequence": {"steps": 13}}}}))
    rules = planned(demo, "--configfile", str(changed))
    assert rules["train_diffdub_sequence"] == 1
    assert not {"train_diffdub_renderer", "encode_diffdub_latents", "crop_faces"} & set(rules)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_dubbed_video_is_made_of_any_picture_and_any_speech(demo_copy, tmp_path, system):
    """A portrait with a recording: neither is in the clips table."""
    portrait = tmp_path / "por trait's.png"
    with av.open(str(demo_copy / "results/clips/plain_planets.mp4")) as clip:
        next(clip.decode(video=0)).to_image().save(portrait)
    settings = tmp_path / "dub.yaml"
    dub = {"pictures": {"portrait": str(portrait)}, "speech": {"recording": str(HOME / "demo/speech/bakery.flac")}}
    settings.write_text(yaml.safe_dump({"dub": dub, "diffdub": {"sampling": {"mode": "single_portrait"}}}))
    target = f"results/dub/{system}/portrait--recording.mp4"
    output = snakemake(demo_copy, target, "--configfile", str(settings))
    assert output.returncode == 0, output.stderr[-3000:]
    seconds = soundfile.info(HOME / "demo/speech/bakery.flac").duration
    assert probe(demo_copy / target).frames == int(25 * seconds + 0.5)
    (words,) = [line for line in output.stderr.splitlines() if "its weights were trained on synthetic talkers" in line]
    assert words.startswith(f"{system}: ")
    assert "preset debug" in words
    assert f"Set {system}: weights: published" in words


def test_bad_clips_are_named_and_all_others_are_finished(demo, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    good = demo / "results/demo/plain_planets.mp4"
    odd = bad / 'it\'s "odd"; né 视频.mp4'
    shutil.copy(good, odd)
    (bad / "truncated.mp4").write_bytes(good.read_bytes()[: good.stat().st_size * 2 // 3])
    (bad / "empty.mp4").touch()
    (bad / "text.mp4").write_text("this is no video\n")
    for name, lost in (("silent", "-an"), ("blind", "-vn")):
        run_ffmpeg("-i", str(good), "-c", "copy", lost, str(bad / f"{name}.mp4"))
    run_ffmpeg("-i", str(good), "-vf", "drawbox=t=fill", str(bad / "faceless.mp4"))
    wrong = ["truncated", "empty", "text", "silent", "blind", "faceless", "missing"]
    rows = [(name, str(bad / f"{name}.mp4"), "", "", "") for name in wrong if name != "missing"]
    rows += [("odd", str(odd), "", "test", ""), ("fine", str(good), "", "train", "")]
    folder = tmp_path / "work"
    folder.mkdir()
    configure(folder, {"clips": "clips.tsv", "systems": ["still"]}, rows)
    output = snakemake(folder, "--keep-going")
    assert output.returncode != 0
    told = output.stdout + output.stderr
    for name in wrong[:-1]:
        log = folder / f"results/logs/resample_clip/{name}.log"
        line = log.read_text().strip()
        assert "\n" not in line
        assert f"{name}.mp4" in line
        assert line.split(" ERROR ")[1] in told
    assert {row["video"] for row in table(folder)} == {"odd"}
    assert (folder / "results/report.html").is_file()
    assert all(name in (folder / "results/report.html").read_text() for name in wrong[:-1])


def run_ffmpeg(*arguments: str) -> None:
    from toolkit.media.ffmpeg import executable

    subprocess.run([executable(), "-v", "error", "-y", *arguments], check=True)


def test_a_killed_training_goes_on_from_its_checkpoint(demo_copy, tmp_path):
    folder, settings = demo_copy, tmp_path / "long.yaml"
    for name in ("models", "checkpoints", "latents"):
        shutil.rmtree(folder / "results" / name / "diffdub", ignore_errors=True)
    training = {"renderer": {"steps": 200, "batch_size": 4}}
    settings.write_text(yaml.safe_dump({"diffdub": {"training": training}}))
    target = "results/models/diffdub/renderer.safetensors"
    words = [target, "--configfile", str(settings)]
    checkpoint = folder / "results/checkpoints/diffdub/renderer/last.ckpt"
    running = start(folder, *words)
    deadline = time.monotonic() + 300
    while not checkpoint.exists():
        assert running.poll() is None, running.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.kill(process(folder, "train.py"), signal.SIGKILL)
    assert running.wait(timeout=60) != 0
    assert not (folder / target).exists()
    again = snakemake(folder, *words)
    assert again.returncode == 0, again.stderr[-3000:]
    assert (folder / target).is_file()
    log = (folder / "results/logs/train_diffdub_renderer.log").read_text()
    assert "goes on" in log, log


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    words = command(folder, *arguments)
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def process(folder: Path, script: str) -> int:
    """The process that runs a workflow script in `folder`."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            here = (process / "cwd").resolve() == folder.resolve()
        except OSError:
            continue
        if here and any(word.endswith(script) for word in words) and "python" in Path(words[0]).name:
            return int(process.name)
    raise AssertionError(f"no process runs {script}")


def test_a_killed_batch_keeps_the_clips_that_it_had_finished(demo_copy, tmp_path):
    folder = demo_copy
    long = HOME / "demo/speech/bakery.flac"
    soundfile.write(tmp_path / "short.wav", soundfile.read(long)[0][:7680], 16000)
    dub = {
        "pictures": {"ann": "results/demo/plain_planets.mp4"},
        "speech": {"hello": str(tmp_path / "short.wav"), "all": str(long)},
    }
    settings = tmp_path / "dub.yaml"
    settings.write_text(yaml.safe_dump({"dub": dub, "diffused_heads": {"sampling": {"steps": 10}}}))
    samples = [folder / f"results/samples/diffused_heads/ann--{name}.mp4" for name in ("hello", "all")]
    words = [*(str(sample.relative_to(folder)) for sample in samples), "--configfile", str(settings)]
    drawn = folder / "results/batches/diffused_heads/.dubbed-1/ann--hello.mp4"
    running = start(folder, *words)
    deadline = time.monotonic() + 300
    while not drawn.exists():
        assert running.poll() is None, running.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    kept = drawn.stat()
    os.kill(process(folder, "sample_batch.py"), signal.SIGKILL)
    assert running.wait(timeout=60) != 0
    again = snakemake(folder, *words)
    assert again.returncode == 0, again.stderr[-3000:]
    assert os.path.samestat(samples[0].stat(), kept)
    assert [probe(sample).frames for sample in samples] == [12, 113]
    assert not drawn.parent.exists()
    assert planned(folder, *words) == {}


def test_an_unknown_key_of_the_configuration_is_refused_with_the_nearest(tmp_path):
    configure(tmp_path, {"crop": {"size": 128}}, [])
    output = snakemake(tmp_path, "--dry-run")
    assert output.returncode != 0
    assert "unknown key 'crop'. Did you mean 'crops'?" in output.stdout + output.stderr
