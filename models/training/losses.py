"""Losses that stages share."""

from pathlib import Path

import torch
from torch import Tensor

from models.checkpoints import load_weights, read_weights
from models.perception.lpips import LPIPS
from models.training.stage import Frozen


def hinge_loss(real: Tensor, generated: Tensor) -> Tensor:
    """A discriminator's hinge loss of its logits (any shapes), a scalar from 0."""
    return (torch.relu(1 - real).mean() + torch.relu(1 + generated).mean()) / 2


def feature_matching(real: list[Tensor], generated: list[Tensor]) -> Tensor:
    """Mean absolute difference of a discriminator's features, a mean per layer, the layers summed; a scalar from 0."""
    return sum((one.detach() - other).abs().mean() for one, other in zip(real, generated, strict=True))


def adaptive_weight(loss: Tensor, adversarial: Tensor, layer: Tensor) -> Tensor:
    """The factor that brings the adversarial loss's gradient at the generator's last layer to the length of the other's.

    (Esser et al. 2021, equation 7, at most 10^4.) `layer` is the weight of that layer. Zero where no gradient is taken.
    """
    if not torch.is_grad_enabled():
        return loss.new_zeros(())
    ours, theirs = (torch.autograd.grad(term, layer, retain_graph=True)[0] for term in (loss, adversarial))
    return (ours.norm() / (theirs.norm() + 1e-4)).clamp(max=1e4).detach()


def perceptual_loss(path: Path) -> Frozen:
    """LPIPS on VGG-16 with weights from a file."""
    network = LPIPS("vgg")
    load_weights(network, read_weights(path), path)
    return Frozen(network)
