"""The compact view of real runs of Snakemake, in a terminal and out of one."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import HOME

pytestmark = pytest.mark.slow
SNAKEFILE = """
rule all:
    input: "inspected", "trained", "scored"
rule inspect_clip:
    output: "inspected"
    log: "logs/inspect_clip.log"
    shell: "touch {output}"
rule train_one:
    output: "trained"
    log: "logs/train_one.log"
    shell: "echo a noise >&2; echo '2026-11-27 20:00:00,123 PROGRESS step 3 of 9' > {log}; sleep 2; touch {output}"
rule score_one:
    input: "trained"
    output: "scored"
    log: "logs/score_one.log"
    shell: "echo another noise >&2; exit 1"
onerror:
    logger.warning("a.mp4: has no [bold]face[/bold]. Cut it")
"""


def run(folder: Path, *arguments: str, terminal: bool = True) -> tuple[int, str]:
    """Exit status and all that stands on the terminal (or in the file) of a run with the compact view."""
    (folder / "Snakefile").write_text(SNAKEFILE)
    ours, theirs = pty.openpty() if terminal else os.pipe()
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--logger", "talkflow"]
    environment = os.environ | {"PYTHONPATH": str(HOME), "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the terminal's other side is closed
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    return process.wait(), said.decode()


def test_a_terminal_shows_phases_and_what_running_jobs_say(tmp_path):
    status, said = run(tmp_path)
    assert status == 1
    assert "step 3 of 9" in said
    assert "• train_one" in said.replace("\x1b[36m", "").replace("\x1b[0m", "")
    assert "score_one failed; its log is logs/score_one.log" in said
    assert said.index("a.mp4: has no [bold]face[/bold]. Cut it") > said.index("score_one failed")
    assert "noise" not in said  # it would tear the view apart; it is kept beside Snakemake's own log
    (aside,) = (tmp_path / ".snakemake/log").glob("*.stderr.log")
    assert {"a noise", "another noise"} <= set(aside.read_text().splitlines())
    assert aside.name in said
    for row in ("prepare", "train", "score", "all"):
        assert row in said


def test_out_of_a_terminal_it_is_a_few_plain_lines(tmp_path):
    status, said = run(tmp_path, terminal=False)
    assert status == 1
    assert "\x1b" not in said
    assert len(said.splitlines()) < 20
    assert "a.mp4: has no [bold]face[/bold]. Cut it" in said
    assert "1 of 1" in said
    assert any(line.endswith(" min") for line in said.splitlines())  # the view's last line is a line of its own


def test_what_is_up_to_date_and_what_is_wrong_is_said(tmp_path):
    for name in ("inspected", "trained", "scored"):
        (tmp_path / name).touch()
    status, said = run(tmp_path, terminal=False)
    assert status == 0
    assert "Nothing to be done" in said
    status, said = run(tmp_path, "nosuch", terminal=False)
    assert status == 1
    assert "MissingRuleException" in said
    status, said = run(tmp_path, "--forceall", "--dry-run", terminal=False)
    assert status == 0
    assert "rule train_one" in said
