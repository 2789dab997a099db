"""Noise schedules of systems that are not built yet, by the tables and the steps that samplers share."""

from harness import by_call
from torch import Tensor

from models.diffusion import Schedule, scaled_linear_schedule, strided
from models.diffusion.buffers import buffers, likelihood_weights

Tensors = dict[str, Tensor]


def tables(schedule: Schedule) -> Tensors:
    """The published buffers of a whole schedule and the weights of its likelihood, by their names."""
    return {**buffers(schedule), "lvlb_weights": likelihood_weights(schedule)}


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
