"""Part a: the stored cases of networks and samplers on the device, in float32 without TF32."""

import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.gpu.clock import set_tf32
from benchmarks.gpu.table import Table

ROOT = Path(__file__).parents[2]
LIMIT = 1e-3
"""Relative error that still counts as the same network: float32 sums in another order."""


def parity(table: Table, device: torch.device, names: str = "") -> None:
    """Every case of the repository whose adapter works on tensors alone; those that need arrays on a CPU are said."""
    sys.path[:0] = [str(ROOT / "tests/parity"), str(ROOT)]
    import fill
    import harness

    adapters = _adapters(table)
    set_tf32(False)
    built = harness.network

    def on_device(case: dict, build, device_name: str = "meta") -> nn.Module:
        return built(case, build, device_name).to(device)

    for module in list(sys.modules.values()):
        if getattr(module, "network", None) is built:
            module.network = on_device
    passed, failed, skipped = 0, [], []
    for found in harness.find_cases([ROOT / "tests/parity"]):
        case, inputs, expected = fill.load(found.folder)
        if names not in found.name or found.name not in adapters or not case["tensors"]:
            continue
        for call in found.calls:
            if not table.has_time(2):
                skipped.append(f"{found.name}.{call} (no time left)")
                continue
            begin = time.monotonic()
            try:
                wanted = harness._of(expected, call)
                shapes = {name: tuple(value.shape) for name, value in wanted.items()}
                given = {name: value.to(device) for name, value in harness._of(inputs, call).items()}
                with torch.no_grad():
                    actual = adapters[found.name]({**case, "shapes": shapes}, call, given)
                errors = [error(actual[name], value) for name, value in wanted.items() if name in actual]
            except (TypeError, RuntimeError, ValueError) as fault:
                wants_arrays = isinstance(fault, TypeError) and "to numpy" in str(fault)
                words = f"{found.name}.{call} ({type(fault).__name__}: {str(fault).splitlines()[0][:80]})"
                (skipped if wants_arrays else failed).append(words)
                continue
            worst = max(errors)
            passed += worst <= LIMIT
            failed += [] if worst <= LIMIT else [f"{found.name}.{call}: {worst:.1e}"]
            seconds = f"{time.monotonic() - begin:.1f} s"
            table.add("a", found.name, call, f"float32, {seconds}", worst, "largest relative error", f"{LIMIT:g}")
    table.note(f"a: {passed} calls within {LIMIT:g}; beyond it: {'; '.join(failed) or 'none'}")
    table.note(f"a: not run on the device: {'; '.join(skipped) or 'none'}")


def _adapters(table: Table) -> dict:
    """Adapters by case, module by module: one whose packages are not installed here is said."""
    adapters = {}
    for file in sorted((ROOT / "tests/parity/adapters").glob("[a-z]*.py")):
        description = spec_from_file_location(f"adapters_{file.stem}", file)
        module = module_from_spec(description)
        sys.modules[description.name] = module
        try:
            description.loader.exec_module(module)
        except ModuleNotFoundError as fault:
            table.note(f"a: cases of {file.name} are not run: {fault}")
            continue
        adapters |= module.ADAPTERS
    return adapters


def error(actual: object, expected: Tensor) -> float:
    """Largest difference over the largest value."""
    given = torch.as_tensor(actual).detach().cpu().double()
    return ((given - expected.double()).abs().max() / expected.double().abs().max().clamp_min(1e-12)).item()
