"""Noise schedules of systems that are not built yet, by the tables and the steps that samplers share."""

from harness import by_call
from torch import Tensor

from models.diffusion import Schedule, scaled_linear_schedule, strided

Tensors = dict[str, Tensor]


def tables(schedule: Schedule) -> Tensors:
    """The published buffers of a whole schedule, by their names; what is 0 at the first step is held above 1e-20 there."""
    ours, variance = schedule.alphas_cumprod, schedule.posterior_variance
    lvlb = schedule.betas**2 / (2 * variance * (1 - schedule.betas) * (1 - ours))
    lvlb[0] = lvlb[1]
    return {
        "betas": schedule.betas,
        "alphas_cumprod": ours,
        "alphas_cumprod_prev": schedule.alphas_cumprod_prev,
        "sqrt_alphas_cumprod": ours.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - ours).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - ours).log(),
        "sqrt_recip_alphas_cumprod": schedule.sqrt_recip_alphas_cumprod,
        "sqrt_recipm1_alphas_cumprod": schedule.sqrt_recipm1_alphas_cumprod,
        "posterior_variance": variance,
        "posterior_log_variance_clipped": variance.clamp(min=1e-20).log(),
        "posterior_mean_coef1": schedule.posterior_start,
        "posterior_mean_coef2": schedule.posterior_current,
        "lvlb_weights": lvlb,
    }


def latent_diffusion(case: dict, call: str, inputs: Tensors) -> Tensors:
    config = case["config"]
    return tables(
        scaled_linear_schedule(int(inputs["timesteps"]), first=config["linear_start"], last=config["linear_end"])
    )


def latent_diffusion_ddim(case: dict, call: str, inputs: Tensors) -> Tensors:
    """Every c-th step from 1 on, c the whole steps over those asked for."""
    config = case["config"]
    whole = scaled_linear_schedule(config["timesteps"], first=config["linear_start"], last=config["linear_end"])
    kept = strided(whole, len(whole) // int(inputs["steps"]), offset=1)
    return {
        "timesteps": kept.steps,
        "alphas": kept.alphas_cumprod,
        "alphas_prev": kept.alphas_cumprod_prev,
        "sigmas": kept.sigma(float(inputs["eta"])),
        "sqrt_one_minus_alphas": (1 - kept.alphas_cumprod).sqrt(),
    }


ADAPTERS = {"difftalk/schedule": by_call({"ddpm": latent_diffusion, r"ddim_\d+": latent_diffusion_ddim})}
