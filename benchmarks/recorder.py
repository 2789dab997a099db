"""What a flow's parts cost: multiply-accumulates counted, seconds measured."""

import copy
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count


class Call(NamedTuple):
    """One call: how many pictures it took, its seconds, its multiply-accumulates where they were counted, and the result."""

    pictures: int
    seconds: float
    operations: int | None
    result: Tensor | None


class Recorder:
    """The calls of a flow's parts, of which it counts the arithmetic and keeps the results while it is `counting`."""

    def __init__(self, parts: Sequence[str]) -> None:
        self.calls: dict[str, list[Call]] = {part: [] for part in parts}
        self.counting = True

    def __call__(self, part: str, function: Callable) -> Callable:
        """The function, whose calls are recorded as that part."""

        def recorded(x: Tensor, *others: object) -> object:
            attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
            counter = FlopCounterMode(display=False, custom_mapping={attention: _attention_operations})
            begin = time.perf_counter()
            with counter if self.counting else nullcontext():
                result = function(x, *others)
            seconds = time.perf_counter() - begin
            operations = counter.get_total_flops() // 2 if self.counting else None
            self.calls[part].append(Call(len(x), seconds, operations, result if self.counting else None))
            return result

        return recorded

    def of_methods(self, module: nn.Module, **methods: str) -> None:
        """Record the module's own methods, by part."""
        for part, method in methods.items():
            setattr(module, method, self(part, getattr(module, method)))

    def operations(self, part: str) -> float:
        """Multiply-accumulates for a picture, without those that a first call alone needs."""
        return min((call.operations / call.pictures for call in self.calls[part] if call.operations), default=0)

    def seconds(self, part: str) -> float:
        """Seconds for a picture, at best."""
        return min((call.seconds / call.pictures for call in self.calls[part]), default=0)

    def outputs(self) -> list[Tensor]:
        """What the network answered at the steps that were counted."""
        return [call.result for call in self.calls["step"] if call.result is not None]


def shared(networks: tuple[nn.Module, ...]) -> tuple[nn.Module, ...]:
    """Networks of their own on the same tensors."""
    tensors = [tensor for network in networks for tensor in (*network.parameters(), *network.buffers())]
    return copy.deepcopy(networks, {id(tensor): tensor for tensor in tensors})


def relative(ours: Tensor, published: Tensor) -> float:
    """The largest difference over the largest value."""
    return ((ours - published).abs().max() / published.abs().max()).item()


def _attention_operations(
    query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: object, **__: object
) -> int:
    """PyTorch's counter knows the fused attention of GPUs alone."""
    return sdpa_flop_count(query, key, value)
