"""Every network, sampler, loss and picture operation against the numbers of the published code."""

import pytest
from adapters import ADAPTERS
from harness import Found, run_call


def test_case(found: Found, call: str) -> None:
    assert found.name in ADAPTERS, f"{found.source} exists, but no adapter runs the parity case {found.name}"
    faults = run_call(found, call, ADAPTERS[found.name])
    if faults:
        pytest.fail(f"{found.name}.{call}: " + "; ".join(f"{name} {fault}" for name, fault in faults.items()))
