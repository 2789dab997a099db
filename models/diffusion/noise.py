"""Initial noise that depends on nothing but what it is for."""

import hashlib

import torch
from torch import Tensor


def noise_for(seed: int, name: str, index: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal float32 noise of `shape` for frame or window `index` of the clip `name`.

    Drawn on the CPU from (seed, name, index) alone, so it is the same in any batch and on any number of GPUs.
    """
    digest = hashlib.sha256(f"{seed}\0{name}\0{index}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
    return torch.randn(shape, generator=generator)
