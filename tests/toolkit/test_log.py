import logging
import os

import pytest

import toolkit.log
from toolkit.errors import InputError
from toolkit.log import job_log, progress, remarks


def test_a_users_mistake_is_one_line_in_log_and_terminal(tmp_path, capsys):
    log = tmp_path / "rule" / "clip.log"
    with pytest.raises(SystemExit) as stopped, job_log(log):
        raise InputError("a.mp4", "has no audio track", "Add one")
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "[rule/clip] a.mp4: has no audio track. Add one\n"
    assert log.read_text().count("\n") == 1


def test_a_fault_of_ours_keeps_its_traceback(tmp_path):
    log = tmp_path / "clip.log"
    with pytest.raises(ZeroDivisionError), job_log(log):
        _ = 1 / 0
    assert "Traceback" in log.read_text()
    assert "ZeroDivisionError" in log.read_text()


def test_a_log_begins_anew_with_each_run(tmp_path):
    for text in ("first", "second"):
        with job_log(tmp_path / "clip.log") as logger:
            logger.info(text)
    assert "first" not in (tmp_path / "clip.log").read_text()


def test_progress_says_how_far_how_fast_and_how_long(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(toolkit.log, "_INTERVAL", 0.0)
    with job_log(tmp_path / "rule" / "clip.log"):
        assert list(progress("abc", 3, "a clip", "frame")) == ["a", "b", "c"]
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in said] == [
        f"[rule/clip] a clip: frame {number} of 3" for number in (1, 2)
    ]
    assert said[0].endswith(" min left")
    assert " PROGRESS a clip: frame 1 of 3" in (tmp_path / "rule/clip.log").read_text()


def test_quick_work_says_nothing_of_its_progress(tmp_path, capsys):
    with job_log(tmp_path / "clip.log"):
        list(progress(range(1000), 1000, "a clip", "frame"))
    assert capsys.readouterr().err == ""


def test_what_jobs_warned_of_and_refused_is_gathered_in_full(tmp_path):
    for job in ("rule/a", "rule/b"):
        with job_log(tmp_path / f"{job}.log") as logger:
            logger.info("all is well")
            logger.warning("a tremor\nof two lines")
    with pytest.raises(SystemExit), job_log(tmp_path / "other.log"):
        raise InputError("a.mp4", "has no audio track", "Add one")
    with pytest.raises(ZeroDivisionError), job_log(tmp_path / "fault.log"):
        _ = 1 / 0
    with job_log(tmp_path / "library.log"):
        # As Python itself hands it on, where no test catches it.
        logging.getLogger("py.warnings").warning("/lib/old.py:3: UserWarning: old-fashioned\n  old()\n")
        logging.getLogger("py.warnings").warning("/lib/old.py:3: of no kind\n")
    assert "old-fashioned" in (tmp_path / "library.log").read_text()
    with job_log(tmp_path / "yesterday.log") as logger:
        logger.warning("long ago")
    os.utime(tmp_path / "yesterday.log", (1000, 1000))
    fault, *rest = remarks(tmp_path, since=2000)
    assert fault.startswith("fault: failed\nTraceback")
    assert fault.endswith("ZeroDivisionError: division by zero")
    assert rest == [
        "other: a.mp4: has no audio track. Add one",
        "rule/a and 1 more: a tremor\nof two lines",
    ]


def test_a_log_that_is_no_log_of_ours_is_no_trouble(tmp_path):
    (tmp_path / "a.log").write_bytes(b"\xff\xfe WARNING\nno stamp\n")
    assert remarks(tmp_path) == []
    assert remarks(tmp_path / "nowhere") == []
