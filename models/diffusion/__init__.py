"""Diffusion for every system: schedules, parameterisations, samplers and reproducible noise."""

from models.diffusion.ancestral import Gaussian, ancestral, posterior, reverse
from models.diffusion.denoiser import PREDICTIONS, Denoiser, start_image, training_target
from models.diffusion.noise import generator_for, noise_for
from models.diffusion.samplers import SAMPLERS, Known, ddim, sample
from models.diffusion.schedule import (
    Schedule,
    cosine_schedule,
    linear_schedule,
    rounded,
    spaced,
    stride_counts,
    trailing,
)

__all__ = [
    "PREDICTIONS",
    "SAMPLERS",
    "Denoiser",
    "Gaussian",
    "Known",
    "Schedule",
    "ancestral",
    "cosine_schedule",
    "ddim",
    "generator_for",
    "linear_schedule",
    "noise_for",
    "posterior",
    "reverse",
    "rounded",
    "sample",
    "spaced",
    "start_image",
    "stride_counts",
    "trailing",
    "training_target",
]
