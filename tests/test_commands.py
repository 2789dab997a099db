"""Every command of the README and docs/*.md, run as it is written in a fresh clone that is prepared as they say.

Snakemake and make only plan (the README's first command is what makes the fixture `demo`; tests/cluster has the second one);
`pip install` only says what it would install; benchmarks run at small sizes; all else runs in full. A command of
another kind fails here until somebody says below how it is run.
"""

import os
import re
import shlex
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import yaml
from snakemake.utils import update_config

from models.configuration import read_configuration
from tests.gpu_folders import small_out, small_prepared
from tests.running import HEADLINE, HOME, cloned, table, typed
from tests.systems import SYSTEMS
from tests.toolkit.datasets.difftalk_folder import write_folder
from toolkit.media.frames import read_frames
from toolkit.media.writer import write_video

PROGRAM = r"(?:[A-Z_]+=\S+ )*(?:snakemake|make|python3?|pip|pytest|bash|sh|git|apt-get|conda)\b"
LINE = re.compile(rf"^(?:    )?\$? ?({PROGRAM}.*)$")
INLINE = re.compile(rf"`({PROGRAM} [^`]+)`")
PAGES = [HOME / "README.md", *sorted((HOME / "docs").glob("*.md"))]
# What stands behind the words as they are written, where a command would take long or change this environment.
ONLY_PLANNED = {
    "snakemake": ("--dry-run",),
    "make": ("--dry-run",),
    "pip": ("--dry-run", "--no-deps", "--no-build-isolation"),
    "pytest": ("--collect-only", "--quiet", "tests/toolkit/test_batches.py"),
}
# Where a clip of each actor whom Diffused Heads was tested on lies.
CREMA = [f"s{actor}/10{actor}_DFA_ANG_XX" for actor in (15, 20, 21, 30, 33, 52, 62, 81, 82, 89)]
CLIP = "plain_planets"


def lay_two_folders(folder: Path, results: Path) -> None:
    """A real video and one that was made, under one name."""
    for name, video in (("real", f"clips/{CLIP}"), ("made", f"videos/still/{CLIP}--{CLIP}")):
        (folder / name).mkdir()
        shutil.copy(results / f"{video}.mp4", folder / name / f"{CLIP}.mp4")


def lay_published_outputs(folder: Path, results: Path) -> None:
    """A real video, and what two systems made of it, where the real ones of published systems lie."""
    for name, video in (
        ("ground_truth", f"clips/{CLIP}"),
        ("one", f"videos/still/{CLIP}--{CLIP}"),
        ("two", f"videos/diffdub/{CLIP}--{CLIP}"),
    ):
        target = folder.parent / "shared/data/published_outputs" / name / f"{CLIP}.mp4"
        target.parent.mkdir(parents=True)
        shutil.copy(results / f"{video}.mp4", target)


def lay_wild_clips(folder: Path, results: Path) -> None:
    """A second of video with the landmarks that somebody else found in it."""
    wild = folder.parent / "shared/data/wild"
    wild.mkdir(parents=True)
    write_video(wild / "voxceleb_a_clip.mp4", islice(read_frames(results / f"clips/{CLIP}.mp4"), 25))
    points = np.load(results / f"landmarks/{CLIP}.npz")["points"][:25]
    lines = [" ".join([f"{i}", *(f"{x}_{y}" for x, y in frame)]) for i, frame in enumerate(points)]
    (wild / "voxceleb_a_landmarks.txt").write_text("\n".join(lines))


def lay_speakers(folder: Path, results: Path) -> None:
    """Videos with sound where the real speakers' lie."""
    for name in ("ann", "bob"):
        target = folder.parent / f"shared/data/hdtf256/{name}.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(results / f"demo/{CLIP}.mp4", target)


def lay_prepared(folder: Path, results: Path) -> None:
    """What a GPU machine gets."""
    small_prepared(folder / ".gpu")


def lay_difftalk(folder: Path, results: Path) -> None:
    """A data folder of DiffTalk's users."""
    write_folder(folder.parent / "data/difftalk", {1: range(1, 13), 2: range(1, 13)}, sides={"train": [1], "test": [2]})


def lay_hdtf(folder: Path, results: Path) -> None:
    """Lists of HDTF, and the one video that they are of."""
    lists, videos = folder.parent / "data/hdtf/HDTF_dataset", folder.parent / "data/hdtf/videos"
    for path in (lists, videos):
        path.mkdir(parents=True)
    (lists / "RD_annotion_time.txt").write_text("Radio1.mp4 00:00-00:01\n")
    (lists / "RD_crop_wh.txt").write_text("Radio1_0.mp4 8 64 0 64\n")
    shutil.copy(results / f"demo/{CLIP}.mp4", videos / "Radio1.mp4")


def lay_results(folder: Path, results: Path) -> None:
    """The workflow's results, with trained networks."""
    (folder / "results").symlink_to(results, target_is_directory=True)


def lay_out(folder: Path, results: Path) -> None:
    """What comes back from it."""
    small_out(folder / "OUT", np.stack(list(islice(read_frames(results / f"crops/{CLIP}.mp4"), 25))))


# Run in full, and what has to lie there before.
IN_FULL = {
    "python -m metrics": lay_two_folders,
    "python -m toolkit.datasets.diffused_heads": None,
    "python -m toolkit.datasets.difftalk": lay_difftalk,
    "python -m toolkit.datasets.hdtf": lay_hdtf,
    "python -m benchmarks.fewer_steps": lay_results,
    "python -m benchmarks.flicker": lay_results,
    "python -m benchmarks.flow_difftalk": None,
    "python -m benchmarks.planning": None,
    "python -m benchmarks.published_outputs": lay_published_outputs,
    "python benchmarks/landmarks.py": lay_wild_clips,
    "python -m benchmarks.gpu": lay_prepared,
    "python -m benchmarks.gpu prepare": lay_speakers,
    "python -m benchmarks.gpu measure": lay_out,
    "python -m benchmarks.gpu docs": lay_out,
}
# Run at small sizes, by what stands behind the words: published networks take hours on a CPU.
AT_SMALL_SIZE = {
    "python -m benchmarks.gpu": ("--tiny", "--seconds", "0", "--cases", "diffdub/sequence"),
    "python -m benchmarks.gpu prepare": ("--tiny",),
    "python benchmarks/landmarks.py": ("--budget", "1"),
    "python -m benchmarks.fewer_steps": ("--frames", "2"),
    "python -m benchmarks.flicker": ("--frames", "2"),
    "python -m benchmarks.flow_difftalk": ("--preset", "debug", "--frames", "1"),
    "python -m benchmarks.planning": ("--pairs", "8", "--turns", "1"),
}
NEEDS_A_RUN = "snakemake --report"


def sections(page: Path) -> list[str]:
    return re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


def code_lines(section: str) -> list[str]:
    """The lines of indented and fenced code."""
    parts = section.split("```")
    fenced = [line for part in parts[1::2] for line in part.splitlines()[1:]]
    return [line for part in parts[::2] for line in part.splitlines() if line.startswith("    ")] + fenced


def commands(section: str) -> list[str]:
    lines = [match[1] for line in code_lines(section) if (match := LINE.match(line))]
    prose = "\n".join(line for line in section.splitlines() if not line.startswith("    "))
    return lines + INLINE.findall(" ".join(prose.split()))


def settings(section: str) -> list[dict]:
    """What the section puts into config.yaml, block by block."""
    blocks = re.findall(r"^    # config\.yaml\n((?:    .*\n)+)", section, flags=re.MULTILINE)
    return [yaml.safe_load("\n".join(line[4:] for line in block.splitlines())) for block in blocks]


COMMANDS = [
    pytest.param(section, command, id=f"{page.name}: {command.partition('#')[0].strip()}")
    for page in PAGES
    for section in sections(page)
    for command in commands(section)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone, beside the files that README and docs speak of."""
    for name in ("ann 01.mov", "bob.mp4", "anna.jpg", "hello.wav"):
        (tmp_path / "data" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "data" / name).touch()
    for source, clips in {"crema": ["s1/1001_DFA_ANG_XX", *CREMA], "mine": ["s1/a", "s3/b", "s8/c"]}.items():
        for clip in clips:
            for name in (f"{source}/video/{clip}.mp4", f"{source}/audio/{clip}.wav", f"{source}_emb/{clip}.pth"):
                (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / "data" / name).touch()
    (tmp_path / "data/crema/file_list_test.txt").write_text("./s15/1015_DFA_ANG_XX.mp4\n")
    return cloned(tmp_path / "clone")


def prepare(folder: Path, section: str) -> None:
    """Do what the section says before its commands: the clips table, and what to put into config.yaml."""
    rows = re.findall(r"^    (clip +video.*\n(?:    .+\n)+)", section, flags=re.MULTILINE)
    for block in rows:
        header, *lines = (line.strip() for line in block.splitlines())
        starts = [match.start() for match in re.finditer(r"\S+", header)]
        cells = [[line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)] for line in lines]
        text = "\n".join("\t".join(row) for row in [header.split(), *cells])
        (folder / "clips.tsv").write_text(text.replace("/data/", f"{folder.parent}/data/") + "\n")
    chosen = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    for block in settings(section):
        update_config(chosen, block)
    text = yaml.safe_dump(chosen, sort_keys=False)
    (folder / "config.yaml").write_text(text.replace("/data/", f"{folder.parent}/data/"))


def program_of(words: list[str]) -> str:
    """The program, with its command where that is run in another way."""
    count = 3 if words[1:2] == ["-m"] else 2
    longer = " ".join(words[: count + 1])
    return longer if longer in IN_FULL else " ".join(words[:count])


@pytest.mark.parametrize(("section", "command"), COMMANDS)
def test_it_runs_as_written(folder, section, command, request):
    prepare(folder, section)
    command = command.replace("/data/", f"{folder.parent}/data/")
    words = [word for word in shlex.split(command, comments=True) if not re.match("[A-Z_]+=", word)]
    program = program_of(words)
    before = {path.name for path in folder.iterdir()}
    if program == NEEDS_A_RUN:
        output = typed(shutil.copytree(request.getfixturevalue("demo"), folder, dirs_exist_ok=True), command)
    elif words[0] in ONLY_PLANNED:
        output = typed(folder, command, *ONLY_PLANNED[words[0]])
    else:
        assert program in IN_FULL, f"{command}: say in this file how it is run"
        if IN_FULL[program]:
            IN_FULL[program](folder, request.getfixturevalue("demo") / "results")
        output = typed(folder, command, *AT_SMALL_SIZE.get(program, ()))
    assert output.returncode == 0, output.stdout + output.stderr
    if words[0] == "snakemake" and program != NEEDS_A_RUN:
        assert "Job stats" in output.stdout + output.stderr, "something is planned"
        assert {"--cores", "--profile"} & set(words), "a dry run needs neither, a run does"
    for option in ("--output", "--embeddings-output"):
        if option in words:
            written = folder / words[words.index(option) + 1]
            assert written.name not in before
            assert os.path.getsize(written) > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_it_puts_into_the_configuration_is_taken(page):
    for block in (block for section in sections(page) for block in settings(section)):
        chosen = yaml.safe_load((HOME / "config.yaml").read_text(encoding="utf-8"))
        update_config(chosen, block)
        read_configuration(chosen, HOME / "config.schema.yaml")


def test_commands_are_found():
    found = [parameters.values[1].partition("#")[0].strip() for parameters in COMMANDS]
    assert HEADLINE in found
    assert "snakemake --profile profiles/slurm results/metrics.csv" in found
    assert commands("    pip install .\nor `make demo VIEW=plain`; `make`, `snakemake`\n```\nbash run.sh\n```\n") == [
        *("pip install .", "bash run.sh", "make demo VIEW=plain")
    ]


@pytest.mark.slow
def test_the_first_command_makes_the_table_in_a_clean_clone(demo):
    log = (demo / "run.headline").read_text(encoding="utf-8")
    assert re.search(r"\(100%\) done", log), log[-3000:]
    assert {row["system"] for row in table(demo)} == {"ground_truth", "still", *SYSTEMS}
    assert "build_report" not in log, "the report is no part of it"


@pytest.mark.parametrize("cap", ["--resources gpu=0", "--resources mem_mb=9000", "--workflow-profile none"])
def test_a_run_may_cap_its_gpus_at_none_or_not_at_all(tmp_path, cap):
    plan = typed(cloned(tmp_path / "clone"), f"snakemake --cores 2 {cap} results/metrics.csv", "--dry-run")
    assert plan.returncode == 0, plan.stdout + plan.stderr
