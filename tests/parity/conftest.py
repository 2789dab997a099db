"""Turns every parity case that is found into tests: one per call, or one that says why there is none."""

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
