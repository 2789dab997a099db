"""Times and memory on the device, and the arithmetic of a call."""

import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

PEAK = {"float32": 67e12, "tf32": 494e12, "bfloat16": 989e12}
"""Operations a second of an H100 SXM (NVIDIA's data sheet, dense)."""


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def milliseconds(call: Callable[[], object], device: torch.device, seconds: float = 1.5) -> float:
    """The median time of a call in ms after two to warm up, over as many as fit into `seconds` (at least three)."""
    for _ in range(2):
        call()
    times, end = [], time.monotonic() + seconds
    while len(times) < 3 or (time.monotonic() < end and len(times) < 50):
        synchronise(device)
        begin = time.perf_counter()
        call()
        synchronise(device)
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def peak_gigabytes(call: Callable[[], object], device: torch.device) -> float:
    """Memory that was allocated at most during a call; 0 on a CPU."""
    if device.type != "cuda":
        call()
        return 0.0
    torch.cuda.reset_peak_memory_stats()
    call()
    return torch.cuda.max_memory_allocated() / 2**30


def operations(call: Callable[[], object]) -> float:
    """Floating-point operations of a call (two a multiply-add)."""
    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


def set_tf32(allowed: bool) -> None:
    """Whether float32 products may run with TF32's ten bits."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def top_kernels(call: Callable[[], object], count: int = 10) -> str:
    """The kernels of a call that take the most time, one a line."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    activities += [torch.profiler.ProfilerActivity.CUDA] if torch.cuda.is_available() else []
    with torch.profiler.profile(activities=activities) as profile:
        call()
    key = "cuda_time_total" if torch.cuda.is_available() else "cpu_time_total"
    return profile.key_averages().table(sort_by=key, row_limit=count, max_name_column_width=60)
