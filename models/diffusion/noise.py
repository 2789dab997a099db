"""Noise that depends on nothing but what it is for."""

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor

StepNoise = Callable[[int], Tensor]
"""Standard normal noise (n, ...) for the step at a position of a schedule."""


def generator_for(seed: int, name: str, index: int) -> torch.Generator:
    """The CPU's source of random numbers for frame or window `index` of the clip `name`, decided by these three alone."""
    digest = hashlib.sha256(f"{seed}\0{name}\0{index}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))


def noise_for(seed: int, name: str, index: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal float32 noise of `shape` for frame or window `index` of the clip `name`: the same in any batch and on
    any number of GPUs."""
    return torch.randn(shape, generator=generator_for(seed, name, index))
