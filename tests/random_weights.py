"""Networks that measure, with weights drawn from a seed: what they say means nothing, but it can be compared."""

from pathlib import Path

import torch
from torch import nn

from models.checkpoints import write_weights
from models.perception.checkpoints import NETWORKS


def random_network(name: str) -> nn.Module:
    """A network whose features keep the variance of its input, so that they depend on it."""
    torch.manual_seed(0)
    network = NETWORKS[name]().eval().requires_grad_(False)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)
        if name.startswith("lpips") and parameter.shape[0] == 1:
            parameter.abs_()  # the learnt vectors are not negative
    return network


def write_random_weights(name: str, folder: Path) -> Path:
    """Its weights as the workflow keeps them, with their record."""
    path = folder / f"{name}.safetensors"
    write_weights(path, random_network(name).state_dict(), {"network": name, "available": True, "origin": "a seed"})
    return path
