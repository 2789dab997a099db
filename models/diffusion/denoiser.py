"""What a network predicts, and how each kind of prediction is turned into the clean image.

"noise"           the noise in x_t (Ho et al. 2020)
"start"           the clean image
"velocity"        sqrt(alpha-bar) noise - sqrt(1 - alpha-bar) start (Salimans and Ho 2022)
"residual_start"  the clean image less a base picture that is known to resemble it
"""

from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Denoiser:
    """A network with its conditioning, seen by samplers as a guess of the clean image.

    `network(x, t)` takes the running image (n, c, h, w) and the original step indices t (n,) int64. `base` is the
    picture that "residual_start" adds to; `limit` clips the guess to [-limit, limit], None leaves it (latents).
    """

    network: Callable[[Tensor, Tensor], Tensor]
    prediction: str = "noise"
    base: Tensor | None = None
    limit: float | None = 1.0

    def __call__(self, x: Tensor, schedule: Schedule, position: int) -> Tensor:
        """The clean image behind x (n, ...), all at one position of the schedule; float32."""
        positions = torch.full((len(x),), position, device=x.device)
        steps = torch.full((len(x),), int(schedule.steps[position]), device=x.device)
        output = self.network(x, steps).float()  # float32 also under autocast: the tables span five decades
        start = start_image(self.prediction, output, x, schedule, positions, self.base)
        return start if self.limit is None else start.clamp(-self.limit, self.limit)
