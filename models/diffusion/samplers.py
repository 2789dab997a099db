"""From noise to images: short loops over a denoiser that yield the running image after each step.

Every sampler has the same signature: (denoiser, x (n, c, ...), schedule, *, known, eta, step_noise) -> iterator of x; the
last x is the image. All images of a batch are independent. Nothing is random inside: x is the caller's, noise or an image
noised half way, and so is the noise of each step, which only ancestral sampling and DDIM with an `eta` need.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from models.diffusion.ancestral import ancestral
from models.diffusion.denoiser import Denoiser
from models.diffusion.known import Known
from models.diffusion.noise import StepNoise
from models.diffusion.schedule import Schedule


def ddim(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    *,
    known: Known | None = None,
    eta: float = 0.0,
    step_noise: StepNoise | None = None,
) -> Iterator[Tensor]:
    """DDIM (Song et al. 2021, equation 12): deterministic with eta 0, of DDPM's variance with eta 1."""
    if eta and step_noise is None:
        raise ValueError("DDIM with an eta needs step noise")
    before = schedule.alphas_cumprod_prev.float().to(x.device)
    sigma = schedule.sigma(eta).float().to(x.device)
    for position in reversed(range(len(schedule))):
        if known is not None:
            x = known.mix(x, schedule, position)
        start, noise, _ = denoiser(x, schedule, position)
        # In float32 what is left beside sigma can be a little less than nothing.
        spread = (1 - before[position] - sigma[position] ** 2).clamp(min=0).sqrt()
        x = before[position].sqrt() * start + spread * noise
        if sigma[position] > 0:
            x = x + sigma[position] * step_noise(position)
        yield x


def dpm_solver(denoiser: Denoiser, x: Tensor, schedule: Schedule, **options: object) -> Iterator[Tensor]:
    """DPM-Solver++ of order 2 (Lu et al. 2022) for few steps."""
    from diffusers import DPMSolverMultistepScheduler

    return _solve(DPMSolverMultistepScheduler, denoiser, x, schedule, **options)


def unipc(denoiser: Denoiser, x: Tensor, schedule: Schedule, **options: object) -> Iterator[Tensor]:
    """UniPC of order 2 (Zhao et al. 2023) for few steps."""
    from diffusers import UniPCMultistepScheduler

    return _solve(UniPCMultistepScheduler, denoiser, x, schedule, **options)


def _solve(
    solver_class: type,
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    *,
    known: Known | None = None,
    eta: float = 0.0,
    step_noise: StepNoise | None = None,
) -> Iterator[Tensor]:
    """A solver of diffusers over every position of `schedule`: it gets clean images and makes the update. It is
    deterministic: no step noise is taken."""
    if eta:
        raise ValueError(f"{solver_class.__name__} is deterministic: it has no eta")
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
    for position in solver.timesteps.tolist():
        if known is not None:
            x = known.mix(x, schedule, position)
        x = solver.step(denoiser(x, schedule, position).start, position, x).prev_sample
        yield x


SAMPLERS: dict[str, Callable[..., Iterator[Tensor]]] = {
    "ancestral": ancestral,
    "ddim": ddim,
    "dpmsolver++": dpm_solver,
    "unipc": unipc,
}


@torch.no_grad()
def sample(name: str, denoiser: Denoiser, x: Tensor, schedule: Schedule, **options: object) -> Tensor:
    """The image (n, c, ...) at the end of the sampler called `name`, one of `SAMPLERS`; `options` are its others."""
    for image in SAMPLERS[name](denoiser, x, schedule, **options):  # noqa: B007 - only the last one is wanted
        pass
    return image
