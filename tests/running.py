"""Run the workflow as a user would, in a folder of its own."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from filelock import FileLock

HOME = Path(__file__).parents[1]
NOT_CLONED = (".git", ".venv", ".snakemake", "results", "weights", "shared", "__pycache__", ".*_cache")  # .gitignore
HEADLINE = "snakemake --cores 8 --resources gpu=8 results/metrics.csv"  # the README's first command
# Workers of the suite share the machine: each runs one job at a time.
CORES = "1" if "PYTEST_XDIST_WORKER" in os.environ else "2"


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the workflow in `folder`, which holds its config.yaml."""
    return subprocess.run(command(folder, *arguments), cwd=folder, capture_output=True, text=True, timeout=1800)


def command(folder: Path, *arguments: str) -> list[str]:
    """Of the workflow behind the folder's `Snakefile`, where there is one: a link to the checkout that it is a copy of."""
    home = (folder / "Snakefile").resolve().parent if (folder / "Snakefile").exists() else HOME
    profile = ["--workflow-profile", str(home / "profiles/default")]
    return [sys.executable, "-m", "snakemake", "-s", str(home / "Snakefile"), "--cores", CORES, *profile, *arguments]


def typed(folder: Path, line: str, *more: str) -> subprocess.CompletedProcess:
    """Run a command line as somebody types it in `folder`, in this environment: `NAME=value` first, a comment last; and
    `more` words behind it."""
    words = [*shlex.split(line, comments=True), *more]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path}
    while "=" in words[0]:
        name, _, environment[name] = words.pop(0).partition("=")
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=3600)


def cloned(folder: Path) -> Path:
    """What a clone of this working tree has, in `folder`."""
    return shutil.copytree(HOME, folder, ignore=shutil.ignore_patterns(*NOT_CLONED), dirs_exist_ok=True)


def run_once(folder: Path) -> Path:
    """A clean clone of this working tree in `folder`, with the demo run in it unless another worker has done so: by the
    README's first command to the table, then all else."""
    with FileLock(f"{folder}.lock"):
        if not (folder / "run.code").exists():
            cloned(folder)
            headline = typed(folder, HEADLINE)
            rest = typed(folder, f"snakemake --cores {CORES} all")
            words = (headline.stdout, headline.stderr, rest.stdout, rest.stderr)
            (folder / "run.log").write_text("".join(words), encoding="utf-8")
            (folder / "run.headline").write_text(headline.stdout + headline.stderr, encoding="utf-8")
            (folder / "run.code").write_text(str(headline.returncode or rest.returncode))
    assert (folder / "run.code").read_text() == "0", (folder / "run.log").read_text(encoding="utf-8")[-4000:]
    return folder


def copied(source: Path, folder: Path) -> Path:
    """A copy of a finished run that a test may change: its results and what Snakemake knows of them, with their times.

    90 MB in a fifth of a second. Hard links would share the logs and tables that a rerun writes in place.
    """
    for name in ("results", ".snakemake"):
        shutil.copytree(source / name, folder / name, symlinks=True)
    shutil.copy2(source / "config.yaml", folder)
    (folder / "Snakefile").symlink_to((source / "Snakefile").resolve())
    return folder


def configure(folder: Path, settings: dict, rows: list[tuple]) -> None:
    """Write config.yaml and clips.tsv (clip, video, speaker, split, truth)."""
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    lines = ["clip\tvideo\tspeaker\tsplit\ttruth", *("\t".join(row) for row in rows)]
    (folder / "clips.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def talker(name: str, split: str) -> tuple[str, ...]:
    """The row of one of the demo's talkers."""
    return (name, f"results/demo/{name}.mp4", name.split("_")[0], split, f"results/demo/{name}.json")


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """How often each rule would run."""
    output = snakemake(folder, "--dry-run", *arguments)
    assert output.returncode == 0, output.stderr
    counts = dict(re.findall(r"^(\w+) +(\d+)$", output.stdout, flags=re.MULTILINE))
    return {rule: int(count) for rule, count in counts.items() if rule not in ("total", "all")}


def table(folder: Path) -> list[dict]:
    with (folder / "results/metrics.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
