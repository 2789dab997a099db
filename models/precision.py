"""The arithmetic of sampling, as the option `precision` names it."""

import torch
from torch import nn


def autocast(network: nn.Module, precision: str) -> torch.autocast:
    """The context in which to call a network: its matrix products and convolutions in `bfloat16`, or all in `float32`.

    The results of a call in `bfloat16` may be bfloat16 themselves: bring them to float32 where it matters.
    """
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision is float32 or bfloat16, not {precision}")
    device = next(network.parameters()).device
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
