"""The project's `snakemake` command: targets after a list of `name=value` are targets, all else is Snakemake's."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from snakemake_command import with_targets_apart

SNAKEFILE = """
rule all:
    input: "default.txt"
rule make:
    output: "{name}.txt"
    threads: 3
    params: value=config.get("value", 0), table=str(config.get("table"))
    shell: "echo {threads} {resources.gpu} {params.value} > {output}"
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--cores 8 --resources gpu=8 results/a.csv", "--cores 8 --resources gpu=8 -- results/a.csv"),
        ("--resources gpu=8 a.csv --cores 8", "--resources gpu=8 --cores 8 -- a.csv"),
        ("--resources gpu=8 mem=4 a.csv b.csv", "--resources gpu=8 mem=4 -- a.csv b.csv"),
        ("--config seed=1 a.csv --set-threads x=2 b.csv -n", "--config seed=1 --set-threads x=2 -n -- a.csv b.csv"),
        ("--resources gpu=8 a -- b --weird", "--resources gpu=8 -- a b --weird"),
        ("--resources gpu=8 -- a.csv", "--resources gpu=8 -- a.csv"),
        ("--until a b --forcerun c d", "--until a b --forcerun c d"),
        ("a.csv --resources gpu=8", "a.csv --resources gpu=8"),
        ("--cores 8 a.csv", "--cores 8 a.csv"),
        ("--resources=gpu=8 a.csv", "--resources=gpu=8 a.csv"),
        ("", ""),
    ],
)
def test_only_targets_after_a_list_are_moved(line, expected):
    assert with_targets_apart(shlex.split(line)) == shlex.split(expected)


@pytest.mark.parametrize(
    ("line", "made", "content"),
    [
        ("--cores 2 --resources gpu=8 a.txt", "a.txt", "2 5 0"),
        ("--resources gpu=8 a.txt --cores 2", "a.txt", "2 5 0"),
        ("--cores 2 --config value=7 a.txt", "a.txt", "2 5 7"),
        ("--cores 2 --default-resources gpu=5 mem_mb=10 a.txt", "a.txt", "2 5 0"),
        ("--cores 2 --set-threads make=1 a.txt", "a.txt", "1 5 0"),
        ("--cores 2 --set-resources make:gpu=4 a.txt", "a.txt", "2 4 0"),
        ("--cores 2", "default.txt", "2 5 0"),
        ("a.txt --cores 2 --until make", "a.txt", "2 5 0"),
    ],
)
@pytest.mark.slow
def test_snakemake_itself_takes_the_line(tmp_path, line, made, content):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("    params", "    resources: gpu=5\n    params"))
    command = [str(Path(sys.executable).with_name("snakemake")), *shlex.split(line)]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert output.returncode == 0, output.stderr
    assert (tmp_path / made).read_text().strip() == content
