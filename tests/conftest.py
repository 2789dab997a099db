"""What all tests share: real clips where the checkout has them beside it, and where to look for more parity cases."""

import os
from pathlib import Path

import pytest

# Threads that wait in a loop took five times as long beside other work. Read when torch is loaded; the workflow's jobs inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
