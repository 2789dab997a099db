"""What Diffused Heads is trained on: noise, variance and lips (Diffused Heads specification, section 6)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from models.diffusion import Gaussian, Schedule, estimate, posterior, reverse, training_target

VARIATIONAL, LIPS = 1e-4, 0.2  # the published weights
MARGIN = 5  # pixels around the lips
HALF_BIN = 1 / 255  # half the distance between two levels of a picture in [-1, 1]


class Losses(NamedTuple):
    """`total` and its parts as means over the batch; `per_sample` (n,) is the variational part in bits per value."""

    total: Tensor
    simple: Tensor
    variational: Tensor
    lips: Tensor
    per_sample: Tensor


def losses(
    output: Tensor,
    schedule: Schedule,
    target: Tensor,
    noise: Tensor,
    t: Tensor,
    lip_points: Tensor,
    prediction: str = "noise",
    base: Tensor | None = None,
    weights: tuple[float, float] = (VARIATIONAL, LIPS),
) -> Losses:
    """simple + weights[0] variational + weights[1] lips.

    output (n, c or 2c, h, w) is the network's answer for the target (n, c, h, w) noised by `noise` at t (n,); lip_points (n,
    20, 2) are x and y in pixels of the target. Without learned variance the variational part is 0.
    """
    channels = target.shape[1]
    answer = output[:, :channels]
    error = (training_target(prediction, target, noise, schedule, t, base) - answer) ** 2
    simple, lips = error.mean(), lip_error(error, lip_points)
    per_sample = torch.zeros(len(target), device=target.device)
    if output.shape[1] == 2 * channels:
        # Only the variance learns from it: the gradient of the picture's half is far noisier than that of `simple`.
        held = torch.cat([answer.detach(), output[:, channels:]], dim=1)
        x = schedule.noisy(target, noise, t)
        per_sample = variational_bound(
            posterior(schedule, target, x, t),
            reverse(schedule, estimate(held, x, schedule, t, prediction, base), x, t),
            target,
            t,
        )
    variational = per_sample.mean()
    total = simple + weights[0] * variational + weights[1] * lips
    return Losses(total, simple, variational, lips, per_sample)


def variational_bound(true: Gaussian, model: Gaussian, target: Tensor, t: Tensor) -> Tensor:
    """The term of each sample's bound at its t (n,), in bits per value: divergence of the model's step from the true one, and
    at t = 0 the negative logarithm of the picture's likelihood."""
    ratio = true.log_variance - model.log_variance
    divergence = 0.5 * (-1 - ratio + ratio.exp() + (true.mean - model.mean) ** 2 * (-model.log_variance).exp())
    bits = torch.where((t == 0)[:, None, None, None], -log_likelihood(target, model), divergence)
    return bits.flatten(1).mean(dim=1) / math.log(2)


def log_likelihood(target: Tensor, model: Gaussian) -> Tensor:
    """Logarithm of the probability that the Gaussian gives to each value's level of 256; the outermost levels are open."""
    scale = (-model.log_variance / 2).exp()
    distance = target - model.mean
    upper, lower = (_normal_cdf(scale * (distance + side)) for side in (HALF_BIN, -HALF_BIN))
    inside = torch.where(target > 0.999, 1 - lower, upper - lower)
    return torch.where(target < -0.999, upper, inside).clamp(min=1e-12).log()


def _normal_cdf(x: Tensor) -> Tensor:
    """Page's approximation by a hyperbolic tangent."""
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def lip_error(error: Tensor, lip_points: Tensor) -> Tensor:
    """Mean of `error` (n, c, h, w) over the box around each sample's lips, then over the samples; one whose lips lie outside
    the picture does not count."""
    inside = lip_boxes(lip_points, *error.shape[-2:])
    counts = inside.flatten(1).sum(dim=1)
    means = (error.mean(dim=1) * inside).flatten(1).sum(dim=1) / counts.clamp(min=1)
    return means.sum() / (counts > 0).sum().clamp(min=1)


def lip_boxes(points: Tensor, height: int, width: int) -> Tensor:
    """(n, height, width), 1 inside the lips' bounding box and its margin (n, 20, 2), 0 outside."""
    first, beyond = points.amin(dim=1).floor() - MARGIN, points.amax(dim=1).ceil() + MARGIN
    sides = [
        (places >= first[:, axis, None]) & (places < beyond[:, axis, None])
        for axis, places in enumerate(torch.arange(count, device=points.device) for count in (width, height))
    ]
    columns, rows = sides
    return (rows[:, :, None] & columns[:, None, :]).float()
