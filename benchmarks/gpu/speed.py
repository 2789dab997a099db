"""Part b: time, memory and arithmetic of each network's call, by batch, precision, memory layout and compilation."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.gpu.clock import PEAK, milliseconds, operations, peak_gigabytes, set_tf32, top_kernels
from benchmarks.gpu.systems import GOALS, NETWORKS, Measured
from benchmarks.gpu.table import Table

COMPILATION = 60
"""Seconds that must be left for a network to be compiled on a GPU."""


@dataclass(frozen=True)
class Way:
    """How a network is called."""

    batch: int
    precision: str
    layout: str = "contiguous"
    compiled: bool = False

    def __str__(self) -> str:
        return f"batch {self.batch}, {self.precision}, {self.layout}" + ", compiled" * self.compiled


Times = dict[Way, float]
"""Milliseconds an item, by how the network is called."""


def choices(batches: tuple[int, ...]) -> list[Way]:
    """What is timed first: from the published way (one item in float32), one change at a time."""
    large = batches[-2]
    chosen = [
        Way(1, "float32"),
        Way(1, "tf32"),
        Way(large, "bfloat16"),
        Way(large, "float32"),
        Way(large, "tf32"),
        Way(large, "bfloat16", "channels last"),
    ]
    return list(dict.fromkeys(chosen + [Way(batch, "bfloat16") for batch in batches if batch != large]))


def sampling(table: Table, device: torch.device, tiny: bool, batches: tuple[int, ...]) -> None:
    """Every network by itself, without gradients, then compiled as far as time allows, then each system's whole flow."""
    times: dict[Measured, Times] = {}
    with torch.no_grad():
        for measured in NETWORKS:
            times[measured] = _network(table, measured, device, tiny, batches)
        for measured in sorted(NETWORKS, key=lambda measured: not measured.main):  # compiling takes minutes
            _compiled(table, measured, device, tiny, Way(batches[-2], "bfloat16", compiled=True), times[measured])
    for system in dict.fromkeys(measured.system for measured in NETWORKS):
        _flow(table, system, {measured: found for measured, found in times.items() if measured.system == system})


def published(times: Times) -> float | None:
    """Milliseconds of an item as published: one by one in float32. PyTorch lets convolutions run in TF32 unless a program
    forbids it, so either may be what the authors saw; the faster counts."""
    single = [took for way, took in times.items() if way.batch == 1 and way.precision in ("float32", "tf32")]
    return min(single, default=None)


def _network(table: Table, measured: Measured, device: torch.device, tiny: bool, batches: tuple[int, ...]) -> Times:
    network = prepared(measured, device, tiny)
    single = measured.inputs(1, device, tiny)
    count = operations(lambda: measured.call(network, *single))
    table.add("b", measured.system, measured.network, "one call", count / 1e9, "GFLOP")
    times: Times = {}
    for way in choices(batches):
        _time(table, measured, network, way, device, tiny, count, times)
    _profile_where_short(table, measured, network, times, device, tiny)
    return times


def _compiled(table: Table, measured: Measured, device: torch.device, tiny: bool, way: Way, times: Times) -> None:
    subject = f"b: {measured.system} {measured.network} {way}"
    if not table.has_time(2 if tiny else COMPILATION):
        table.note(f"{subject}: no time left")
        return
    try:
        _time(table, measured, prepared(measured, device, tiny), way, device, tiny, None, times)
    except Exception as fault:  # a compiler can fail in any way; the table goes on without it
        table.note(f"{subject}: {type(fault).__name__}: {(str(fault).splitlines() or [''])[0][:120]}")
    finally:
        torch.compiler.reset()


def _time(
    table: Table,
    measured: Measured,
    network: nn.Module,
    way: Way,
    device: torch.device,
    tiny: bool,
    count: float | None,
    times: Times,
) -> None:
    """One way's rows, and its time into `times`; a note where there is no time or memory."""
    subject = (measured.system, measured.network, str(way))
    if not table.has_time(0.5 if tiny else 5):
        table.note(f"b: {' '.join(subject)}: no time left")
        return
    try:
        used, took = speed(measured, network, way, device, tiny)
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        table.note(f"b: {' '.join(subject)}: out of memory")
        return
    times[way] = took / way.batch
    table.add("b", *subject, took, "ms a call")
    table.add("b", *subject, used, "GB at most")
    if count is not None:
        table.add("b", *subject, 100 * way.batch * count / (took / 1000) / PEAK[way.precision], "% of an H100's peak")
    rate = 1000 / (times[way] * measured.calls)
    goal = GOALS[measured.system] if measured.main else ""
    first = published(times)
    table.add("b", *subject, rate, "frames a second, this network alone", goal, first and first / times[way])


def _flow(table: Table, system: str, times: dict[Measured, Times]) -> None:
    """A frame's time over all networks of a system, by the calls that each takes: as published, exact, and fastest."""
    kinds: dict[str, Callable[[Times], float | None]] = {
        "published flow: batch 1, float32": published,
        "exact path: best batch, float32": lambda found: _least(found, ("float32",)),
        "fastest path": lambda found: _least(found, ("float32", "tf32", "bfloat16")),
    }
    took = {}
    for name, choose in kinds.items():
        parts = [(measured.calls, choose(found)) for measured, found in times.items()]
        if any(part is None for _, part in parts):
            table.note(f"b: {system}, {name}: a network was not timed")
            return
        took[name] = sum(calls * part for calls, part in parts)
    first = next(iter(took.values()))
    for name, milliseconds_a_frame in took.items():
        table.add("b", system, "all networks", name, milliseconds_a_frame, "ms a frame")
        times_published = first / milliseconds_a_frame
        rate = 1000 / milliseconds_a_frame
        table.add("b", system, "all networks", name, rate, "frames a second", GOALS[system], times_published)


def _least(times: Times, precisions: tuple[str, ...]) -> float | None:
    return min((took for way, took in times.items() if way.precision in precisions), default=None)


def _profile_where_short(
    table: Table, measured: Measured, network: nn.Module, times: Times, device: torch.device, tiny: bool
) -> None:
    """Where the time goes in the fastest way, if it falls short of the goal."""
    if not times or not measured.main or 1000 / (min(times.values()) * measured.calls) >= float(GOALS[measured.system]):
        return
    way = min(times, key=times.get)
    subject = f"b: {measured.system} {measured.network} {way}: kernels"
    if not table.has_time(1 if tiny else 10):
        table.note(f"{subject}: no time left")
        return
    inputs = laid_out(measured, network, way, device, tiny)
    with arithmetic(way.precision, device):
        kernels = top_kernels(lambda: measured.call(network, *inputs))
    table.note(f"{subject}\n\n```\n{kernels}\n```")


def speed(measured: Measured, network: nn.Module, way: Way, device: torch.device, tiny: bool) -> tuple[float, float]:
    """GB, ms a call."""
    inputs = laid_out(measured, network, way, device, tiny)

    def call(*inputs: Tensor) -> Tensor:
        return measured.call(network, *inputs)

    if way.compiled:
        call = torch.compile(call, backend="eager" if tiny else "inductor")
    with arithmetic(way.precision, device):
        used = peak_gigabytes(lambda: call(*inputs), device)
        took = milliseconds(lambda: call(*inputs), device, seconds=0.02 if tiny else 0.5)
    return used, took


def arithmetic(precision: str, device: torch.device) -> AbstractContextManager:
    """The precision's context; it says whether TF32 is allowed."""
    set_tf32(precision == "tf32")
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def laid_out(measured: Measured, network: nn.Module, way: Way, device: torch.device, tiny: bool) -> list[Tensor]:
    """The inputs in a memory layout, which the network's weights get as well."""
    form = torch.channels_last if way.layout == "channels last" else torch.contiguous_format
    network.to(memory_format=form)
    inputs = measured.inputs(way.batch, device, tiny)
    return [value.contiguous(memory_format=form) if value.ndim == 4 else value for value in inputs]


def prepared(measured: Measured, device: torch.device, tiny: bool) -> nn.Module:
    """The network with random weights on the device, ready to sample."""
    torch.manual_seed(0)
    with device:
        network = measured.build(tiny)
    return network.to(device).eval().requires_grad_(False)
