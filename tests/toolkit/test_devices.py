"""Leases of made-up GPUs, between real processes."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from toolkit import devices
from toolkit.devices import device, gpus, lease, parse_listing
from toolkit.errors import InputError

ROOT = Path(devices.__file__).parents[1]


@pytest.fixture(autouse=True)
def own_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


@pytest.fixture
def start(tmp_path):
    """Starts a process that leases, says which GPUs it sees, and holds them until its input ends."""
    started = []

    def run(names: list[str], count: int = 1) -> subprocess.Popen:
        code = (
            "import os, sys\n"
            "from toolkit.devices import lease\n"
            f"with lease({count}, {names!r}) as got:\n"
            "    assert os.environ['CUDA_VISIBLE_DEVICES'] == ','.join(got)\n"
            "    assert 'torch' not in sys.modules\n"
            "    print(*got, flush=True)\n"
            "    sys.stdin.read()\n"
        )
        environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def leased(process: subprocess.Popen) -> list[str]:
    """The GPUs that a process got; waits for its lease, though not for ever."""
    assert select.select([process.stdout], [], [], 60)[0], "no lease in a minute"
    return process.stdout.readline().split()


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "waited for too long"
        time.sleep(0.02)


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock file, asked of the kernel."""
    return path.exists() and f":{path.stat().st_ino} " in Path("/proc/locks").read_text()


def lock(tmp_path: Path, name: str) -> Path:
    return tmp_path / f"talkflow-{os.getuid()}" / f"{name}.lock"


def test_a_lease_is_seen_and_given_back():
    with lease(devices=["GPU-a", "GPU-b"]) as got:
        assert got == ["GPU-a"]
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-a"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    with lease(devices=["GPU-a"]) as got:
        assert got == ["GPU-a"]


def test_a_failed_job_gives_back(tmp_path):
    with pytest.raises(ZeroDivisionError), lease(devices=["GPU-a"]):
        1 / 0  # noqa: B018
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert not is_locked(lock(tmp_path, "GPU-a"))


def test_processes_get_different_gpus(start):
    names = ["GPU-a", "GPU-b", "GPU-c"]
    got = [leased(process) for process in [start(names) for _ in names]]
    assert sorted(got) == [["GPU-a"], ["GPU-b"], ["GPU-c"]]


def test_waits_until_one_is_free(start, tmp_path):
    first = start(["GPU-a"])
    assert leased(first) == ["GPU-a"]
    second = start(["GPU-a"])
    wait_until(lambda: is_locked(lock(tmp_path, "queue")))
    time.sleep(3 * devices.PAUSE)
    assert is_locked(lock(tmp_path, "queue")), "the second still waits"
    first.stdin.close()
    assert leased(second) == ["GPU-a"]
    assert first.wait() == 0


def test_a_killed_job_frees_its_gpu(start):
    first = start(["GPU-a"])
    assert leased(first) == ["GPU-a"]
    second = start(["GPU-a"])
    first.send_signal(signal.SIGKILL)
    assert leased(second) == ["GPU-a"]


def test_a_killed_waiter_frees_the_queue(start, tmp_path):
    first = start(["GPU-a"])
    assert leased(first) == ["GPU-a"]
    waiter = start(["GPU-a"])
    wait_until(lambda: is_locked(lock(tmp_path, "queue")))
    waiter.send_signal(signal.SIGKILL)
    waiter.wait()
    third = start(["GPU-a"])
    first.stdin.close()
    assert leased(third) == ["GPU-a"]


def test_two_jobs_for_two_gpus_do_not_lock_each_other_out(start):
    """Six jobs that want two of three GPUs each: all get through."""
    names = ["GPU-a", "GPU-b", "GPU-c"]
    processes = [start(names, count=2) for _ in range(6)]
    for process in processes:  # each is done as soon as it has them, in whatever order they come
        process.stdin.close()
    assert all(len(set(leased(process))) == 2 for process in processes)
    assert all(process.wait() == 0 for process in processes)


def test_a_child_process_keeps_to_its_parents_gpus():
    with lease(devices=["GPU-a", "GPU-b"]), lease(devices=["GPU-a", "GPU-b"]) as inner:
        assert inner == ["GPU-a"]


@pytest.mark.parametrize(("value", "expected"), [("3", ["3"]), ("0,2", ["0", "2"]), ("", [])])
def test_steps_aside_for_a_scheduler(monkeypatch, tmp_path, value, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    with lease(devices=["GPU-a"]) as got:
        assert got == expected
        assert os.environ["CUDA_VISIBLE_DEVICES"] == value
    assert os.environ["CUDA_VISIBLE_DEVICES"] == value
    assert not lock(tmp_path, "queue").exists()


def test_without_gpus(monkeypatch):
    monkeypatch.setattr(devices, "gpus", list)
    with lease() as got:
        assert got == []
        assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_no_more_than_there_are():
    with lease(4, devices=["GPU-a", "GPU-b"]) as got:
        assert got == ["GPU-a", "GPU-b"]


def test_none_wanted_hides_all():
    with lease(0, devices=["GPU-a"]) as got:
        assert got == []
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_too_late_for_torch(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with pytest.raises(RuntimeError, match="already in use"), lease(devices=["GPU-a"]):
        pass


def test_locks_are_the_users_alone(tmp_path):
    with lease(devices=["GPU-a"]):
        assert lock(tmp_path, "GPU-a").stat().st_mode & 0o777 == 0o600
        assert lock(tmp_path, "GPU-a").parent.stat().st_mode & 0o777 == 0o700


def test_an_open_folder_is_refused(tmp_path):
    folder = tmp_path / f"talkflow-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(InputError, match="folder of yours alone"), lease(devices=["GPU-a"]):
        pass


def test_a_link_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"talkflow-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="folder of yours alone"), lease(devices=["GPU-a"]):
        pass


def test_listing():
    text = (
        "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-11111111-aaaa-bbbb-cccc-000000000000)\n"
        "GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-22222222-aaaa-bbbb-cccc-000000000000)\n"
        "  MIG 3g.20gb     Device  0: (UUID: MIG-33333333-aaaa-bbbb-cccc-000000000000)\n"
        "  MIG 3g.20gb     Device  1: (UUID: MIG-44444444-aaaa-bbbb-cccc-000000000000)\n"
        "GPU 2: Tesla T4 (UUID: GPU-55555555-aaaa-bbbb-cccc-000000000000)\n"
    )
    assert [uuid[:7] for uuid in parse_listing(text)] == ["GPU-111", "MIG-333", "MIG-444", "GPU-555"]
    assert parse_listing("No devices found.\n") == []


def test_listing_comes_from_the_drivers_tool(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\n[ \"$1\" = -L ] && echo 'GPU 0: Made Up (UUID: GPU-12ab)'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpus() == ["GPU-12ab"]


def test_a_broken_tool_is_passed_over(tmp_path, monkeypatch):
    """Where the tool is there and the driver is not, the files that the driver would make decide."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    nodes = [node for node in Path("/dev").glob("nvidia[0-9]*") if node.name.removeprefix("nvidia").isdigit()]
    assert len(gpus()) == len(nodes)


def test_counting_needs_no_torch():
    code = "import sys; from toolkit.devices import gpus; gpus(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_device_is_what_torch_has():
    assert device().type == ("cuda" if torch.cuda.is_available() else "cpu")
