"""Which GPU a job may use.

Snakemake counts GPUs and assigns none, so jobs that run side by side agree here: one lock file per physical GPU, held
by `flock` as long as the job lives. The kernel frees the lock however the job ends. A job sees only its own GPU,
because CUDA_VISIBLE_DEVICES is set before torch looks for devices; where a scheduler has set it already, nothing is
leased.
"""

import fcntl
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import InputError

if TYPE_CHECKING:
    import torch

logger = logging.getLogger("talkflow")

VISIBLE = "CUDA_VISIBLE_DEVICES"
PAUSE = 0.2  # seconds between two looks at the locks


def gpus() -> list[str]:
    """The machine's GPUs as CUDA_VISIBLE_DEVICES names them, found without torch; UUIDs where the driver gives them.

    A GPU that is divided (MIG) counts as its parts.
    """
    if shutil.which("nvidia-smi"):
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True)
        if listing.returncode == 0:
            return parse_listing(listing.stdout)
    records = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    uuids = [re.search(r"GPU UUID:\s*(GPU-[0-9a-fA-F-]+)", record.read_text()) for record in records]
    if uuids and all(uuids):
        return [uuid[1] for uuid in uuids]
    nodes = [node.name.removeprefix("nvidia") for node in Path("/dev").glob("nvidia[0-9]*")]
    return sorted((node for node in nodes if node.isdigit()), key=int)


def parse_listing(text: str) -> list[str]:
    """UUIDs in the output of `nvidia-smi -L`, where the parts of a divided GPU are indented below it."""
    found: list[str] = []
    for uuid in re.findall(r"UUID:\s*((?:GPU|MIG)-[^)\s]+)", text):
        if uuid.startswith("MIG") and found and found[-1].startswith("GPU"):
            found.pop()
        found.append(uuid)
    return found


@contextmanager
def lease(count: int = 1, devices: Sequence[str] | None = None) -> Iterator[list[str]]:
    """Wait for `count` GPUs (fewer where the machine has fewer), hold them, and let this process see no others.

    Yields their names: those that a scheduler gave where it has set CUDA_VISIBLE_DEVICES, none on a machine without
    GPUs. `devices` replaces the list of the machine's GPUs. Must begin before torch first uses CUDA.
    """
    if VISIBLE in os.environ:
        yield [name for name in os.environ[VISIBLE].split(",") if name]
        return
    devices = gpus() if devices is None else devices
    if not devices:
        yield []
        return
    if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        raise RuntimeError("CUDA is already in use: lease a GPU before")
    with ExitStack() as held:
        names = _take(min(count, len(devices)), devices, held)
        logger.info("leased %s", ", ".join(names) or "no GPU")
        os.environ[VISIBLE] = ",".join(names)
        held.callback(os.environ.pop, VISIBLE, None)
        yield names


def _take(count: int, devices: Sequence[str], held: ExitStack) -> list[str]:
    """Lock `count` of the devices for as long as `held` lives."""
    folder = _lock_folder()
    names: list[str] = []
    # Who waits holds the queue's lock, so that two jobs never wait for each other's half.
    with ExitStack() as queue:
        _lock(folder / "queue.lock", queue, wait=True)
        while True:
            for name in devices:
                if len(names) < count and name not in names and _lock(folder / f"{name}.lock", held, wait=False):
                    names.append(name)
            if len(names) == count:
                return names
            time.sleep(PAUSE)


def _lock_folder() -> Path:
    """This user's folder of lock files, which nobody else can write to."""
    folder = Path(tempfile.gettempdir(), f"talkflow-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise InputError(folder, "is not a folder of yours alone", "Remove it, or set TMPDIR to a folder of your own")
    return folder


def _lock(path: Path, held: ExitStack, *, wait: bool) -> bool:
    """Lock a file for as long as `held` lives; False where another process has it and `wait` is false."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return False
    held.callback(os.close, descriptor)
    # Unlocked by name first: a forked worker may hold the same lock through its copy of the descriptor.
    held.callback(fcntl.flock, descriptor, fcntl.LOCK_UN)
    return True


def device() -> "torch.device":
    """The device that this process computes on: its first visible GPU, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
