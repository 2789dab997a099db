"""Inpainting: the part of an image that is known."""

from typing import NamedTuple

import torch
from torch import Tensor

from models.diffusion.noise import StepNoise
from models.diffusion.schedule import Schedule


class Known(NamedTuple):
    """Where `keep` (n, 1 or c, h, w) is 1, `image` (n, c, h, w) is mixed in before each call: clean, or noised as far as the
    running image is, by `noise(position)` (n, c, h, w)."""

    image: Tensor
    keep: Tensor
    noise: StepNoise | None = None

    def mix(self, x: Tensor, schedule: Schedule, position: int) -> Tensor:
        """The running image x (n, c, h, w) with the known part in its place."""
        image = self.image
        if self.noise is not None:
            image = schedule.noisy(image, self.noise(position), torch.full((len(x),), position))
        return self.keep * image + (1 - self.keep) * x
