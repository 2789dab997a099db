"""One step back as a Gaussian, and the sampler that takes its noise from it (Ho et al. 2020)."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from models.diffusion.denoiser import Denoiser, Estimate
from models.diffusion.known import Known
from models.diffusion.noise import StepNoise
from models.diffusion.schedule import Schedule, at


class Gaussian(NamedTuple):
    """Mean (n, c, h, w) and logarithm of the variance, of that shape or (n, 1, 1, 1)."""

    mean: Tensor
    log_variance: Tensor


def posterior(schedule: Schedule, start: Tensor, x: Tensor, position: Tensor) -> Gaussian:
    """x_{t-1} given x_t and the clean image (Ho et al. 2020, equation 7). start and x (n, ...), position (n,)."""
    mean = at(schedule.posterior_start, position, x) * start + at(schedule.posterior_current, position, x) * x
    return Gaussian(mean, at(schedule.posterior_log_variance, position, x))


def reverse(schedule: Schedule, estimate: Estimate, x: Tensor, position: Tensor) -> Gaussian:
    """x_{t-1} given x_t as the network sees it: x (n, ...), position (n,), and the estimate for them."""
    return Gaussian(posterior(schedule, estimate.start, x, position).mean, estimate.log_variance)


def ancestral(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    *,
    known: Known | None = None,
    eta: float = 0.0,
    step_noise: StepNoise | None = None,
) -> Iterator[Tensor]:
    """DDPM: each step adds noise of the estimate's variance, but for one that ends at the clean image. It has no `eta`."""
    if eta or step_noise is None:
        raise ValueError("ancestral sampling needs step noise, and has no eta")
    for position in reversed(range(len(schedule))):
        if known is not None:
            x = known.mix(x, schedule, position)
        positions = torch.full((len(x),), position, device=x.device)
        x, log_variance = reverse(schedule, denoiser(x, schedule, position), x, positions)
        if schedule.posterior_variance[position] > 0:
            x = x + (log_variance / 2).exp() * step_noise(position)
        yield x
