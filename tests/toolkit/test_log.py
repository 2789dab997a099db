import pytest

from toolkit.errors import InputError
from toolkit.log import job_log


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
