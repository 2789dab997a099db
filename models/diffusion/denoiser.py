"""What a network predicts, and how each kind of prediction is turned into the clean image.

"noise"           the noise in x_t (Ho et al. 2020)
"start"           the clean image
"velocity"        sqrt(alpha-bar) noise - sqrt(1 - alpha-bar) start (Salimans and Ho 2022)
"residual_start"  the clean image less a base picture that is known to resemble it
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from models.diffusion.schedule import Schedule, at

PREDICTIONS = ("noise", "start", "velocity", "residual_start")


def training_target(
    prediction: str, start: Tensor, noise: Tensor, schedule: Schedule, position: Tensor, base: Tensor | None = None
) -> Tensor:
    """What the network should answer for `start` (n, ...) noised by `noise` at `position` (n,)."""
    if prediction == "noise":
        return noise
    if prediction == "start":
        return start
    if prediction == "velocity":
        signal = at(schedule.alphas_cumprod.sqrt(), position, start)
        spread = at((1 - schedule.alphas_cumprod).sqrt(), position, start)
        return signal * noise - spread * start
    if prediction == "residual_start":
        return start - base
    raise ValueError(f"unknown prediction {prediction!r}: one of {', '.join(PREDICTIONS)}")


def start_image(
    prediction: str, output: Tensor, x: Tensor, schedule: Schedule, position: Tensor, base: Tensor | None = None
) -> Tensor:
    """The clean image that follows from a network's `output` for `x` (n, ...) at `position` (n,), not clipped."""
    if prediction == "noise":
        recip = at(schedule.sqrt_recip_alphas_cumprod, position, x)
        recipm1 = at(schedule.sqrt_recipm1_alphas_cumprod, position, x)
        return recip * x - recipm1 * output
    if prediction == "start":
        return output
    if prediction == "velocity":
        signal = at(schedule.alphas_cumprod.sqrt(), position, x)
        spread = at((1 - schedule.alphas_cumprod).sqrt(), position, x)
        return signal * x - spread * output
    if prediction == "residual_start":
        return output + base
    raise ValueError(f"unknown prediction {prediction!r}: one of {', '.join(PREDICTIONS)}")


class Estimate(NamedTuple):
    """What a network's output says of x at a position: the clean image `start` and the `noise` in x, (n, ...) float32, and
    the logarithm of the variance of the step back, of that shape or (n, 1, ...).
    """

    start: Tensor
    noise: Tensor
    log_variance: Tensor


def estimate(
    output: Tensor,
    x: Tensor,
    schedule: Schedule,
    position: Tensor,
    prediction: str = "noise",
    base: Tensor | None = None,
    limit: float | None = 1.0,
    recompute_noise: bool = True,
) -> Estimate:
    """What follows from a network's `output` (n, c or 2c, ...) for x (n, c, ...) at `position` (n,).

    An output with twice the channels of x says in the second half where the variance lies between the smallest and the
    largest that are possible (Nichol and Dhariwal 2021, equation 15); without it the variance is the largest. The other
    arguments are those of a `Denoiser`.
    """
    answer, *place = output.float().split(
        x.shape[1], dim=1
    )  # float32 also under autocast: the tables span five decades
    start = start_image(prediction, answer, x, schedule, position, base)
    clipped = start if limit is None else start.clamp(-limit, limit)
    noise = answer
    if prediction != "noise" or (recompute_noise and limit is not None):
        recip = at(schedule.sqrt_recip_alphas_cumprod, position, x)
        recipm1 = at(schedule.sqrt_recipm1_alphas_cumprod, position, x)
        noise = (recip * x - (clipped if recompute_noise else start)) / recipm1
    log_variance = at(schedule.betas.log(), position, x)
    if place:
        share = (place[0] + 1) / 2
        log_variance = share * log_variance + (1 - share) * at(schedule.posterior_log_variance, position, x)
    return Estimate(clipped, noise, log_variance)


@dataclass(frozen=True)
class Denoiser:
    """A network with its conditioning, seen by samplers as an estimate of the clean image and of the noise.

    `network(x, t)` takes the running image (n, c, ...) and the original step indices t (n,) int64. `base` is the picture
    that "residual_start" adds to; `limit` clips the clean image to [-limit, limit], None leaves it (latents). Clipping
    moves the clean image: `recompute_noise` says whether the noise is the one between the clipped image and x, or stays
    as the network has it; systems have published either.
    """

    network: Callable[[Tensor, Tensor], Tensor]
    prediction: str = "noise"
    base: Tensor | None = None
    limit: float | None = 1.0
    recompute_noise: bool = True

    def __call__(self, x: Tensor, schedule: Schedule, position: int) -> Estimate:
        """The estimate for x (n, c, ...), all at one position of the schedule."""
        positions = torch.full((len(x),), position, device=x.device)
        steps = torch.full((len(x),), int(schedule.steps[position]), device=x.device)
        output = self.network(x, steps)
        return estimate(output, x, schedule, positions, self.prediction, self.base, self.limit, self.recompute_noise)


def guided(
    conditional: Callable[[Tensor, Tensor], Tensor], unconditional: Callable[[Tensor, Tensor], Tensor], weight: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """The network of a `Denoiser` with classifier-free guidance (Ho and Salimans 2022): 1 is the conditional one alone."""

    def network(x: Tensor, t: Tensor) -> Tensor:
        without = unconditional(x, t)
        return without + weight * (conditional(x, t) - without)

    return network
