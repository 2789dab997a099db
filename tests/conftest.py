"""What all tests share: real clips where the checkout has them beside it, and where to look for more parity cases."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.running import copied, run_once

# Threads that wait in a loop took five times as long beside other work. Read when torch is loaded; the workflow's jobs inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
WORKER = "PYTEST_XDIST_WORKER" in os.environ
if WORKER:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--parity-root", metavar="DIR", help="run the parity cases of this folder instead of those that are known"
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real clips, portraits and recordings of people, which are not part of the repository."""
    folder = Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real clips here: {folder} does not exist")
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean clone in which the demo has run as shipped, once for all workers. To be read only."""
    own = tmp_path_factory.getbasetemp()
    return run_once((own.parent if WORKER else own) / "demo")


@pytest.fixture
def demo_copy(demo: Path, tmp_path: Path) -> Path:
    """A copy of the finished demo that a test may change."""
    return copied(demo, tmp_path / "copy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first, and files that read the demo's finished run last, those with the most such tests before others; but one
    of two workers starts with that run, for which the other would only wait."""
    readers = Counter(item.path for item in items if "demo" in item.fixturenames)
    items.sort(
        key=lambda item: (
            not (WORKER and item.path.name == "test_demo.py"),
            item.path in readers,
            -readers.get(item.path, 0),
            item.get_closest_marker("slow") is not None,
        )
    )
