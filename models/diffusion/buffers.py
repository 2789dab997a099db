"""The tables of a schedule that published checkpoints hold beside their weights, by latent diffusion's names."""

import torch
from torch import Tensor

from models.diffusion.schedule import Schedule


def buffers(schedule: Schedule) -> dict[str, Tensor]:
    """The twelve tables (S,) float64; what is 0 at the first step is held above 1e-20 before its logarithm."""
    ours, variance = schedule.alphas_cumprod, schedule.posterior_variance
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
    }


def likelihood_weights(schedule: Schedule) -> Tensor:
    """By what a step's squared error counts in the bound on the likelihood (S,) float64; the first as the second."""
    weights = schedule.betas**2 / (
        2 * schedule.posterior_variance * (1 - schedule.betas) * (1 - schedule.alphas_cumprod)
    )
    return torch.cat([weights[1:2], weights[1:]])
