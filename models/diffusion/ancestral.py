"""One step back as a Gaussian, and the sampler that draws from it (Ho et al. 2020; learned variance: Nichol and Dhariwal 2021).

A network with twice the picture's channels says in the second half where its variance lies between the smallest and the
largest that are possible; one with the picture's channels alone gets the largest.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from models.diffusion.denoiser import start_image
from models.diffusion.schedule import Schedule, at


class Gaussian(NamedTuple):
    """Mean (n, c, h, w) and logarithm of the variance, of that shape or (n, 1, 1, 1)."""

    mean: Tensor
    log_variance: Tensor


def posterior(schedule: Schedule, start: Tensor, x: Tensor, position: Tensor) -> Gaussian:
    """x_{t-1} given x_t and the clean image (Ho et al. 2020, equation 7). start and x (n, ...), position (n,)."""
    mean = at(schedule.posterior_start, position, x) * start + at(schedule.posterior_current, position, x) * x
    return Gaussian(mean, at(schedule.posterior_log_variance, position, x))


def reverse(
    schedule: Schedule,
    output: Tensor,
    x: Tensor,
    position: Tensor,
    prediction: str = "noise",
    base: Tensor | None = None,
    limit: float | None = 1.0,
) -> Gaussian:
    """x_{t-1} given x_t as the network sees it (Nichol and Dhariwal 2021, equation 15).

    output (n, c or 2c, h, w) is its answer for x (n, c, h, w) at position (n,); `prediction`, `base` and `limit` are those
    of a `Denoiser`.
    """
    answer, *place = output.float().split(x.shape[1], dim=1)
    start = start_image(prediction, answer, x, schedule, position, base)
    if limit is not None:
        start = start.clamp(-limit, limit)
    mean, smallest = posterior(schedule, start, x, position)
    log_variance = at(schedule.betas.log(), position, x)
    if place:
        share = (place[0] + 1) / 2
        log_variance = share * log_variance + (1 - share) * smallest
    return Gaussian(mean, log_variance)


def ancestral(
    network: Callable[[Tensor, Tensor], Tensor],
    noise: Tensor,
    schedule: Schedule,
    draw: Callable[[int], Tensor],
    prediction: str = "noise",
    base: Tensor | None = None,
    limit: float | None = 1.0,
) -> Iterator[Tensor]:
    """Yield the running image (n, c, h, w) after each step, the last of which is clean.

    `network(x, t)` answers as in `reverse`; `draw(position)` gives the standard normal noise (n, c, h, w) of a step; the
    last step, at position 0, takes none.
    """
    x = noise
    for position in reversed(range(len(schedule))):
        positions = torch.full((len(x),), position, device=x.device)
        steps = torch.full((len(x),), int(schedule.steps[position]), device=x.device)
        x, log_variance = reverse(schedule, network(x, steps), x, positions, prediction, base, limit)
        if position > 0:
            x = x + (log_variance / 2).exp() * draw(position)
        yield x
