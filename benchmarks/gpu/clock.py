"""Times and memory on the device, and the arithmetic of a call."""

import statistics
import time
from collections.abc import Callable

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity
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


def torch_arithmetic() -> None:
    """As PyTorch has it unless a program says otherwise: TF32 in convolutions, none in matrix products."""
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = False, True


def top_kernels(call: Callable[[], object], count: int = 10) -> str:
    """The kernels of a call (on a CPU the operators) that take the most time by themselves, one a line."""
    on_gpu = torch.cuda.is_available()
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if on_gpu else [])
    call()  # what only a first call does is no part of the profile
    with torch.profiler.profile(activities=activities) as profile:
        call()
        if on_gpu:
            torch.cuda.synchronize()
    times = [
        (event.self_device_time_total if on_gpu else event.self_cpu_time_total, event.count, event.key)
        for event in profile.key_averages()
        if event.device_type == (DeviceType.CUDA if on_gpu else DeviceType.CPU)
    ]
    lines = [f"{took / 1000:9.2f} ms {calls:6d} x  {name[:90]}" for took, calls, name in sorted(times, reverse=True)]
    return "\n".join([f"{sum(took for took, _, _ in times) / 1000:9.2f} ms in all", *lines[:count]])
