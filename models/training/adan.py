"""Adan (Xie et al. 2022), Nesterov's momentum estimated from differences of gradients, for trainings published with it."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer


class Adan(Optimizer):
    """Adan as systems for talking faces are published with it, which differs from the paper in two points.

    The first step only notes the gradient, but counts for the corrections of bias; weights decay by a division by
    1 + lr weight_decay, and not by a factor. `betas` are the shares of what is new in the averages of the gradient, of its
    difference, and of the square of both: small numbers, where Adam's are near 1.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict],
        lr: float = 1e-3,
        betas: tuple[float, float, float] = (0.02, 0.08, 0.01),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One step; the loss where a closure computes it."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    _update(parameter, parameter.grad, self.state[parameter], group)
        return loss


def _update(parameter: Tensor, gradient: Tensor, state: dict, group: dict) -> None:
    ours, change, square = group["betas"]
    names = ("mean", "difference", "square")
    if not state:
        state |= {"step": 0, **{name: torch.zeros_like(parameter) for name in names}}
    state["step"] += 1
    mean, difference, power = (state[name] for name in names)
    if state["step"] > 1:
        moved = gradient - state["gradient"]
        mean.lerp_(gradient, ours)
        difference.lerp_(moved, change)
        power.lerp_((gradient + (1 - change) * moved).square(), square)
    state["gradient"] = gradient.clone()
    corrected = [
        average / (1 - (1 - beta) ** state["step"])
        for average, beta in zip((mean, difference, power), group["betas"], strict=True)
    ]
    direction = corrected[0] + (1 - change) * corrected[1]
    parameter.addcdiv_(direction, corrected[2].sqrt() + group["eps"], value=-group["lr"])
    parameter.div_(1 + group["lr"] * group["weight_decay"])
