"""What the compact view knows of a run."""

import re

import pytest

from snakemake_logger_plugin_talkflow.run import ORDER, PHASES, TARGETS, Job, Run, phase
from tests.running import HOME


def test_every_rule_of_the_workflow_has_its_phase():
    rules = {
        name
        for path in [HOME / "Snakefile", *(HOME / "rules").glob("*.smk")]
        for name in re.findall(r"^(?:use rule \w+ as|rule|checkpoint) (\w+)", path.read_text(encoding="utf-8"), re.M)
    } - set(TARGETS)
    assert set(PHASES) == set(ORDER) == {phase(rule) for rule in rules}
    expected = {
        "inspect_clip": "prepare",
        "train_diffdub_renderer": "train",
        "dub_video": "sample",
        "score_pairs": "score",
    }
    assert expected.keys() <= rules
    assert {rule: phase(rule) for rule in expected} == expected


def test_jobs_are_counted_by_phase_and_failures_apart():
    run = Run()
    run.plan({"inspect_clip": 2, "train_one": 1, "all": 1})
    for number, rule in enumerate(("inspect_clip", "inspect_clip", "train_one", "all")):
        run.begin(number, rule, {"clip": f"c{number}"}, [f"logs/{number}.log"])
    run.end(0)
    run.end(3)
    assert run.fail(1) == "inspect_clip c1 failed; its log is logs/1.log"
    assert (run.total, run.finished, run.failed) == (4, {"prepare": 1}, {"prepare": 1})
    assert [job.rule for job in run.running.values()] == ["train_one"]
    assert run.fail(99) == "job 99 failed"


def test_a_phase_that_a_checkpoint_lets_grow_is_not_called_complete():
    run = Run()
    run.plan({"split_clips": 1, "collect_scores": 1, "all": 1})
    assert run.is_known("score")
    run.total = 6  # as Snakemake counts after the checkpoint
    for number in range(2):
        run.begin(number, "score_pairs", {"pair": number}, [])
    assert run.jobs("score") == 2
    assert not run.is_known("sample") or run.jobs("sample") == 0
    run.begin(2, "sample_one", {}, [])
    assert not run.is_known("sample")
    for number in range(3, 5):
        run.begin(number, "score_pairs", {"pair": number}, [])
    assert run.is_known("sample")
    assert run.is_known("score")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", ""),
        (b"2026-11-27 20:00:00,123 PROGRESS step 3 of 9: loss 0.1\n", "step 3 of 9: loss 0.1"),
        (b"2026-11-27 20:00:00,123 INFO first\n2026-11-27 20:00:01,123 INFO half a li", "first"),
        (b"x" * 9000 + b"\nlast \xff\n", "last \ufffd"),
    ],
)
def test_the_last_whole_line_of_a_log_is_shown(tmp_path, content, line):
    (tmp_path / "a.log").write_bytes(content)
    assert Job("rule", "a", tmp_path / "a.log").last_line() == line


def test_a_job_without_a_log_has_no_last_line(tmp_path):
    assert Job("rule", "a", None).last_line() == Job("rule", "a", tmp_path / "absent.log").last_line() == ""
