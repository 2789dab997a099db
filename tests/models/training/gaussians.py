"""A toy adversarial training whose optimum is known, and a run of it for processes that are killed."""

import os
import signal
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from models.training import AdversarialRecipe, AdversarialTraining, Task, fit, stage_task

MEAN, DEVIATION = 1.5, 0.6


class Gaussian:
    """Numbers with the mean 1.5 and the deviation 0.6; `pause` seconds a batch."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause

    def batch(self, random: np.random.Generator, size: int) -> dict[str, Tensor]:
        time.sleep(self.pause)
        return {"x": torch.tensor(random.normal(MEAN, DEVIATION, (size, 1)), dtype=torch.float32)}


class Generator(nn.Module):
    """Noise z to shift + scale z: Gaussian at every moment of its training."""

    def __init__(self) -> None:
        super().__init__()
        self.shift, self.scale = nn.Parameter(torch.tensor(0.0)), nn.Parameter(torch.tensor(1.0))

    def forward(self, z: Tensor) -> Tensor:
        return self.shift + self.scale * z


class Quadratic(nn.Module):
    """The logit of two Gaussians' ratio is a polynomial of the second degree: the optimal discriminator is among these."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(2, 1)
        nn.init.zeros_(self.line.weight)
        nn.init.zeros_(self.line.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.line(torch.cat([x, x**2], dim=1))


class Gaussians(AdversarialTraining):
    """Logistic GAN, whose discriminator pays for its slope at real numbers (R1), so that both sides come to rest.

    Remembers which side learned (`turns`); `kill` is (side, batch): the process dies there with SIGKILL.
    """

    def __init__(self, recipe: AdversarialRecipe, kill: tuple[str, int] | None = None) -> None:
        super().__init__(Generator(), {"logits": Quadratic()}, recipe)
        self.turns, self.kill = [], kill

    def generator_loss(self, batch: dict[str, Tensor]) -> Tensor:
        self._note("generator")
        generated = self.network(torch.randn_like(batch["x"]))
        return softplus(-self.discriminators["logits"](generated)).mean()

    def discriminator_loss(self, batch: dict[str, Tensor]) -> Tensor:
        self._note("discriminator")
        x = batch["x"].requires_grad_()
        real, generated = (self.discriminators["logits"](y) for y in (x, self.network(torch.randn_like(x))))
        (slope,) = torch.autograd.grad(real.sum(), x, create_graph=True)
        return (softplus(-real) + softplus(generated) + 0.2 * slope**2).mean()

    def _note(self, side: str) -> None:
        self.turns.append((side, self.batch_number))
        if self.kill == (side, self.batch_number):
            os.kill(os.getpid(), signal.SIGKILL)


def task(kill: tuple[str, int] | None = None, pause: float = 0.0, **recipe) -> Task:
    settings = {"steps": 40, "batch_size": 16, "learning_rate": 0.02, "betas": (0.5, 0.9), "ema_decay": 0.9} | recipe
    module = Gaussians(AdversarialRecipe(**settings), kill)
    return stage_task("gan", "debug", module.recipe, module, Gaussian(pause), [], averaged=("network",))


def run(folder, job: Task, **other) -> dict[str, Tensor]:
    return fit(job, folder, seed=1, accelerator="cpu", **other)
