"""From noise to images: short loops over a denoiser that yield the running image after each step.

Every sampler has the same signature: (denoiser, noise (n, c, h, w), schedule, known) -> iterator of x; the last x is
the image. All frames of a batch are independent. Nothing is drawn at random inside: the noise is the caller's.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from models.diffusion.denoiser import Denoiser
from models.diffusion.schedule import Schedule


class Known(NamedTuple):
    """Inpainting: where `keep` (n, 1 or c, h, w) is 1 the clean `image` (n, c, h, w) is mixed in before each call."""

    image: Tensor
    keep: Tensor

    def mix(self, x: Tensor) -> Tensor:
        return self.keep * self.image + (1 - self.keep) * x


def ddim(denoiser: Denoiser, noise: Tensor, schedule: Schedule, known: Known | None = None) -> Iterator[Tensor]:
    """Deterministic DDIM (Song et al. 2021, equation 12, sigma 0), the noise derived again from the clipped image."""
    recip, recipm1, before = (
        table.float().to(noise.device)
        for table in (
            schedule.sqrt_recip_alphas_cumprod,
            schedule.sqrt_recipm1_alphas_cumprod,
            schedule.alphas_cumprod_prev,
        )
    )
    x = noise
    for position in reversed(range(len(schedule))):
        if known is not None:
            x = known.mix(x)
        start = denoiser(x, schedule, position)
        direction = (recip[position] * x - start) / recipm1[position]
        x = before[position].sqrt() * start + (1 - before[position]).sqrt() * direction
        yield x


def dpm_solver(denoiser: Denoiser, noise: Tensor, schedule: Schedule, known: Known | None = None) -> Iterator[Tensor]:
    """DPM-Solver++ of order 2 (Lu et al. 2022) for few steps."""
    from diffusers import DPMSolverMultistepScheduler

    return _solve(DPMSolverMultistepScheduler, denoiser, noise, schedule, known)


def unipc(denoiser: Denoiser, noise: Tensor, schedule: Schedule, known: Known | None = None) -> Iterator[Tensor]:
    """UniPC of order 2 (Zhao et al. 2023) for few steps."""
    from diffusers import UniPCMultistepScheduler

    return _solve(UniPCMultistepScheduler, denoiser, noise, schedule, known)


def _solve(
    solver_class: type, denoiser: Denoiser, noise: Tensor, schedule: Schedule, known: Known | None
) -> Iterator[Tensor]:
    """Walk a solver of diffusers over every position of `schedule`: it gets clean images and makes the update."""
    solver = solver_class(
        num_train_timesteps=len(schedule),
        prediction_type="sample",  # the denoiser hands over clean images, already clipped
        solver_order=2,
        timestep_spacing="trailing",  # over its own S steps: S-1, ..., 0, each once
        final_sigmas_type="zero",
    )
    # Its own table would be a float32 product of (1 - beta), which is 0 where a few steps end in pure noise.
    solver.alphas_cumprod = schedule.alphas_cumprod.float()
    solver.set_timesteps(len(schedule))
    x = noise
    for position in solver.timesteps.tolist():
        if known is not None:
            x = known.mix(x)
        start = denoiser(x, schedule, position)
        x = solver.step(start, position, x).prev_sample
        yield x


SAMPLERS: dict[str, Callable[..., Iterator[Tensor]]] = {"ddim": ddim, "dpmsolver++": dpm_solver, "unipc": unipc}


@torch.no_grad()
def sample(name: str, denoiser: Denoiser, noise: Tensor, schedule: Schedule, known: Known | None = None) -> Tensor:
    """The image (n, c, h, w) at the end of the sampler called `name`: "ddim", "dpmsolver++" or "unipc"."""
    x = noise
    for x in SAMPLERS[name](denoiser, noise, schedule, known):  # noqa: B007 - only the last one is wanted
        pass
    return x
