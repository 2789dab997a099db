"""Run the workflow as a user would, in a folder of its own."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import yaml

HOME = Path(__file__).parents[1]


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the workflow in `folder`, which holds its config.yaml."""
    return subprocess.run(command(*arguments), cwd=folder, capture_output=True, text=True, timeout=1800)


def command(*arguments: str) -> list[str]:
    profile = ["--workflow-profile", str(HOME / "profiles/default")]
    return [sys.executable, "-m", "snakemake", "-s", str(HOME / "Snakefile"), "--cores", "2", *profile, *arguments]


def configure(folder: Path, settings: dict, rows: list[tuple]) -> None:
    """Write config.yaml and clips.tsv (clip, video, speaker, split)."""
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    lines = ["clip\tvideo\tspeaker\tsplit\ttruth", *("\t".join(row) for row in rows)]
    (folder / "clips.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """How often each rule would run."""
    output = snakemake(folder, "--dry-run", *arguments)
    assert output.returncode == 0, output.stderr
    counts = dict(re.findall(r"^(\w+) +(\d+)$", output.stdout, flags=re.MULTILINE))
    return {rule: int(count) for rule, count in counts.items() if rule not in ("total", "all")}


def table(folder: Path) -> list[dict]:
    with (folder / "results/metrics.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
