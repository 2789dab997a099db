"""Diffusion for every system: schedules, parameterisations, samplers and reproducible noise."""

from models.diffusion.ancestral import Gaussian, ancestral, posterior, reverse
from models.diffusion.denoiser import PREDICTIONS, Denoiser, Estimate, estimate, guided, start_image, training_target
from models.diffusion.known import Known
from models.diffusion.noise import StepNoise, generator_for, noise_for
from models.diffusion.samplers import SAMPLERS, ddim, sample
from models.diffusion.schedule import (
    Schedule,
    cosine_schedule,
    linear_schedule,
    rounded,
    scaled_linear_schedule,
    spaced,
    stride_counts,
    strided,
    trailing,
    truncated,
)

__all__ = [
    "PREDICTIONS",
    "SAMPLERS",
    "Denoiser",
    "Estimate",
    "Gaussian",
    "Known",
    "Schedule",
    "StepNoise",
    "ancestral",
    "cosine_schedule",
    "ddim",
    "estimate",
    "generator_for",
    "guided",
    "linear_schedule",
    "noise_for",
    "posterior",
    "reverse",
    "rounded",
    "sample",
    "scaled_linear_schedule",
    "spaced",
    "start_image",
    "stride_counts",
    "strided",
    "trailing",
    "training_target",
    "truncated",
]
