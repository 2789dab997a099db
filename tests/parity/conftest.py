"""Turns every parity case that is found into tests: one per call, or one that says why there is none."""

from collections.abc import Callable
from pathlib import Path

import pytest
from harness import HOMES, find_cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "found" not in metafunc.fixturenames:
        return
    root = metafunc.config.getoption("parity_root")
    cases = find_cases([Path(root)] if root else HOMES)
    if root and not cases:
        raise pytest.UsageError(f"no case.json under --parity-root {root}")
    tests = []
    for found in cases:
        label = f"{found.name}/{found.folder.name}" if not found.name.endswith(found.folder.name) else found.name
        if found.due:
            tests += [pytest.param(found, call, id=f"{label}.{call}") for call in found.calls]
        else:
            skip = pytest.mark.skip(reason=f"not built yet: {found.source} does not exist")
            tests.append(pytest.param(found, "", id=label, marks=skip))
    metafunc.parametrize(("found", "call"), tests)


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """folder(name) -> where a case that is stored as values alone lies; the test is skipped where it is nowhere."""
    root = request.config.getoption("parity_root")

    def find(name: str) -> Path:
        homes = [Path(root)] if root else HOMES
        values = [path for home in homes for path in sorted(home.rglob(f"{name}/values.safetensors"))]
        return values[0].parent if values else pytest.skip(f"the case {name} is not here")

    return find
