"""What DiffDub's two stages are trained on (DiffDub specification, sections 6.1 and 6.2)."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from models.diffusion import Schedule, start_image, training_target


class RendererLoss(NamedTuple):
    """`loss` (n,) per sample; (n, 3, h, w): `noisy`, what the network saw, and `predicted_target`, not clipped."""

    loss: Tensor
    noisy: Tensor
    predicted_target: Tensor


def renderer_loss(
    network: Callable[[Tensor, Tensor], Tensor],
    schedule: Schedule,
    target: Tensor,
    reference: Tensor,
    keep: Tensor,
    t: Tensor,
    noise: Tensor,
    prediction: str = "noise",
) -> RendererLoss:
    """Stage 1: squared error inside the mouth window, divided by the whole picture's number of values.

    `network(x (n, 6, h, w), t (n,))` is the renderer with its latent; target, reference and noise are (n, 3, h, w),
    keep (n, 1 or 3, h, w) is 1 where the target stays clean, t (n,) int64. The base of "residual_start" is the
    reference.
    """
    noisy = keep * target + (1 - keep) * schedule.noisy(target, noise, t)
    output = network(torch.cat([noisy, reference], dim=1), t).float()
    wanted = training_target(prediction, target, noise, schedule, t, reference)
    loss = ((1 - keep) * (wanted - output) ** 2).flatten(1).mean(dim=1)
    return RendererLoss(loss, noisy, start_image(prediction, output, noisy, schedule, t, reference))


def sequence_loss(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Stage 2: mean over every value of mask * (target - prediction)^2; padded frames count in the denominator.

    prediction and target (n, T, latent), mask (n, T) 1 for real frames.
    """
    return (mask[..., None] * (target - prediction) ** 2).mean()
