"""Time, memory and arithmetic of a call: by batch, precision and memory layout; of a training step."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.gpu.clock import PEAK, milliseconds, operations, peak_gigabytes, set_tf32, top_kernels
from benchmarks.gpu.systems import NETWORKS, Inputs, Measured
from benchmarks.gpu.table import Table


def arithmetic(precision: str, device: torch.device) -> AbstractContextManager:
    """The precision's context; it says whether TF32 is allowed."""
    set_tf32(precision == "tf32")
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def sampling(table: Table, device: torch.device, tiny: bool, batches: tuple[int, ...]) -> None:
    """Part b (and c, frames a second by clips side by side): every network by itself, without gradients."""
    for measured in NETWORKS:
        with torch.no_grad():
            _sampling(table, measured, device, tiny, batches)
        table.write()


def _sampling(table: Table, measured: Measured, device: torch.device, tiny: bool, batches: tuple[int, ...]) -> None:
    network = prepared(measured, device, tiny)
    single = measured.inputs(1, device, tiny)
    count = operations(lambda: measured.call(network, *single))
    table.add("b", measured.system, measured.network, "one call", count / 1e9, "GFLOP")
    best, best_settings, single_rates = 0.0, None, []
    for batch, precision, layout in choices(batches):
        settings = f"batch {batch}, {precision}, {layout}"
        if not table.has_time(5):
            table.note(f"b: {measured.system} {measured.network} {settings}: no time left")
            continue
        try:
            rate, used, took = speed(measured, network, batch, precision, layout, device, tiny)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            table.note(f"b: {measured.system} {measured.network} {settings}: out of memory")
            continue
        share = batch * count / (took / 1000) / PEAK[precision]
        table.add("b", measured.system, measured.network, settings, took, "ms a call")
        table.add("b", measured.system, measured.network, settings, used, "GB at most")
        table.add("b", measured.system, measured.network, settings, 100 * share, "% of an H100's peak")
        goal = f"{measured.goal:g}" if measured.goal else ""
        what = f"frames a second ({measured.conditions or 'one call'})"
        table.add("b", measured.system, measured.network, settings, rate, what, goal)
        if batch == 1 and precision != "bfloat16":
            single_rates.append(rate)
        if rate > best:
            best, best_settings = rate, (batch, precision, layout)
    if single_rates:
        # PyTorch lets convolutions run in TF32 unless a program forbids it, so either may be what the authors saw.
        what = "times as fast as the faster of batch 1 in float32 and in TF32"
        table.add("b", measured.system, measured.network, "the best", best / max(single_rates), what)
    if best_settings and measured.goal and best < measured.goal:
        _profile(table, measured, network, best_settings, device, tiny)


def _profile(
    table: Table,
    measured: Measured,
    network: nn.Module,
    best_settings: tuple[int, str, str],
    device: torch.device,
    tiny: bool,
) -> None:
    """Where the time goes in the fastest settings, which fall short of the goal."""
    batch, precision, layout = best_settings
    subject = f"b: {measured.system} {measured.network} batch {batch}, {precision}, {layout}: kernels"
    if not table.has_time(10):
        table.note(f"{subject}: no time left")
        return
    inputs = laid_out(measured, network, batch, layout, device, tiny)
    with arithmetic(precision, device):
        kernels = top_kernels(lambda: measured.call(network, *inputs))
    table.note(f"{subject}\n\n```\n{kernels}\n```")


def choices(batches: tuple[int, ...]) -> list[tuple[int, str, str]]:
    """Batch, precision and layout of what is timed: from the published way (one item in float32), one change at a time."""
    large = batches[-2]
    chosen = [
        (1, "float32", "contiguous"),
        (1, "tf32", "contiguous"),
        (large, "bfloat16", "contiguous"),
        (large, "float32", "contiguous"),
        (large, "tf32", "contiguous"),
        (large, "bfloat16", "channels last"),
    ]
    others = [(batch, "bfloat16", "contiguous") for batch in batches if batch != large]
    return list(dict.fromkeys(chosen + others))


def speed(
    measured: Measured, network: nn.Module, batch: int, precision: str, layout: str, device: torch.device, tiny: bool
) -> tuple[float, float, float]:
    """Frames a second, GB, ms a call."""
    inputs = laid_out(measured, network, batch, layout, device, tiny)
    with arithmetic(precision, device):
        used = peak_gigabytes(lambda: measured.call(network, *inputs), device)
        took = milliseconds(lambda: measured.call(network, *inputs), device, seconds=0.5)
    return batch / (took / 1000) / measured.calls, used, took


def laid_out(
    measured: Measured, network: nn.Module, batch: int, layout: str, device: torch.device, tiny: bool
) -> list[Tensor]:
    """The inputs in a memory layout, which the network's weights get as well."""
    form = torch.channels_last if layout == "channels last" else torch.contiguous_format
    network.to(memory_format=form)
    inputs = measured.inputs(batch, device, tiny)
    return [value.contiguous(memory_format=form) if value.ndim == 4 else value for value in inputs]


def training(table: Table, device: torch.device, tiny: bool, batches: tuple[int, ...]) -> None:
    """Part e: steps of AdamW a second on a squared error, and memory, by batches of two items or more."""
    for measured in NETWORKS:
        network = prepared(measured, device, tiny).requires_grad_(True).train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-6)
        for batch in batches[1:]:
            for precision in ("float32", "bfloat16"):
                settings = f"batch {batch}, {precision}"
                if not table.has_time(6):
                    table.note(f"e: {measured.system} {measured.network} {settings}: no time left")
                    continue
                step = partial(_step, measured, network, optimiser, measured.inputs(batch, device, tiny), precision)
                try:
                    used = peak_gigabytes(step, device)
                    took = milliseconds(step, device, seconds=1.0)
                except torch.cuda.OutOfMemoryError:
                    optimiser.zero_grad(set_to_none=True)
                    torch.cuda.empty_cache()
                    table.note(f"e: {measured.system} {measured.network} {settings}: out of memory")
                    continue
                table.add("e", measured.system, measured.network, settings, 1000 / took, "training steps a second")
                table.add("e", measured.system, measured.network, settings, used, "GB at most")
        table.write()


def _step(
    measured: Measured, network: nn.Module, optimiser: torch.optim.Optimizer, inputs: Inputs, precision: str
) -> None:
    with arithmetic(precision, inputs[0].device):
        loss = measured.call(network, *inputs).float().square().mean()
    loss.backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def prepared(measured: Measured, device: torch.device, tiny: bool) -> nn.Module:
    """The network with random weights on the device, ready to sample."""
    torch.manual_seed(0)
    return measured.build(tiny).to(device).eval().requires_grad_(False)
