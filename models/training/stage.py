"""A stage's module in training, its frozen helpers, and the task that both make with a recipe."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import lightning.pytorch as lightning
import numpy as np
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer

from models.checkpoints import load_weights, read_weights
from models.system import Clip
from models.training.recipe import Recipe
from models.training.task import Batches, Task


class Frozen:
    """A helper network that a stage uses and does not train: a perceptual loss, an expert, an earlier stage.

    It is no nn.Module, so the stage that has it as an attribute neither averages nor saves it; `StageTraining` moves it
    along with itself. It stays in evaluation mode. Gradients pass through it to its input, none reach its weights.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network.eval().requires_grad_(False)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.network(*arguments, **named)

    def __deepcopy__(self, memo: dict) -> Self:
        return self  # the trainer's average is a copy of the stage, which shares its helpers


class StageTraining(lightning.LightningModule):
    """A network in training: what the module returns for a batch is its loss, and the recipe says how it falls.

    A loss of several terms may leave them in `self.parts`, by name, for the logs.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe
        self.parts: dict[str, Tensor] = {}

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        loss = self(batch)
        self.log_loss("loss", loss)
        return loss

    def pictures(self, batch: dict[str, Tensor]) -> np.ndarray | None:
        """For the eye, of each item of a batch a row of pictures of one size, (n, columns, h, w, 3) uint8 RGB: what it should
        be, what it is made from, and what the network makes of that in a few steps. None where there is nothing to see.
        """
        return None

    def log_loss(self, name: str, loss: Tensor) -> None:
        """Log a loss and the parts that it left."""
        self.log(name, loss.detach())
        self.log_dict({part: value.detach() for part, value in self.parts.items()})
        self.parts = {}

    def optimizer(self, parameters: Iterable[Parameter], learning_rate: float | None = None) -> Optimizer:
        """The optimiser of some parameters. A stage with another than the recipe's overrides this."""
        return self.recipe.optimizer(parameters, learning_rate)

    def configure_optimizers(self) -> dict:
        return self.recipe.scheduled(self.optimizer(learnable(self)))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """What nn.Module does to its tensors when it is moved, done to those of frozen helpers as well."""
        for helper in vars(self).values():
            if isinstance(helper, Frozen):
                helper.network._apply(fn)
        return super()._apply(fn, recurse)


def learnable(module: nn.Module) -> list[Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def stage_task(
    stage: str,
    preset: str,
    recipe: Recipe,
    module: StageTraining,
    data: Batches,
    files: Iterable[Path],
    *,
    initial: Path | None = None,
    read: Callable[[Path], Mapping[str, Tensor]] = read_weights,
    averaged: tuple[str, ...] = (),
    validation: Batches | None = None,
    held: Sequence[Clip] = (),
    **settings: object,
) -> Task:
    """The task of a stage. `files` are what it learns from; `initial`, read by `read`, has the weights that it starts from.

    `settings` are what else decides the result, as JSON values; `averaged` is `Task`'s, and so is `validation`: batches of
    the clips `held` out (models/training/validation.py).
    """
    if initial:
        load_weights(module.network, read(initial), initial)
    return Task(
        module=module,
        network="network",
        data=data,
        **recipe.task_arguments(),
        averaged=averaged,
        validation=validation,
        held_out=tuple(clip.name for clip in held),
        settings={"stage": stage, "preset": preset, **recipe.fingerprint(), **settings},
        files=[*files, *filter(None, [initial])],
    )
