"""Adversarial stages: a generator and its discriminators, each with an optimiser, trained at once or in turns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from models.training.recipe import Recipe
from models.training.stage import StageTraining, learnable
from toolkit.errors import InputError


@dataclass(frozen=True)
class AdversarialRecipe(Recipe):
    """A recipe with two sides; the plain fields are the generator's, and the discriminators' where none of these says more.

    adversarial_from             the step from which the discriminators learn; before it the generator learns alone
    turn                         steps after which the other side learns, the generator in the even turns counted from
                                 step 0; at 0 both learn at every step, the generator first
    discriminator_learning_rate  where it is another
    discriminator_clip           largest norm of each discriminator's gradient, or None
    """

    adversarial_from: int = 0
    turn: int = 0
    discriminator_learning_rate: float | None = None
    discriminator_clip: float | None = None


class AdversarialTraining(StageTraining):
    """A generator against discriminators: a stage fills `generator_loss` and `discriminator_loss`.

    Lightning leaves the steps of two optimisers to the module, so turns, accumulation and clipping are done here; the
    module holds everything else that the generator's loss may train. Whatever does not learn in a turn gets no gradient.
    """

    recipe: AdversarialRecipe

    def __init__(self, network: nn.Module, discriminators: Mapping[str, nn.Module], recipe: AdversarialRecipe) -> None:
        super().__init__(network, recipe)
        if recipe.precision == "16-mixed" and recipe.accumulate > 1 and not recipe.turn:
            # One loss scale serves both optimisers and may change between their steps, under gradients added up so far.
            raise InputError(
                "precision 16-mixed",
                "cannot add up the gradients of two networks that learn at once",
                "Use bf16-mixed or 32-true.",
            )
        self.discriminators = nn.ModuleDict(discriminators)
        self.automatic_optimization = False

    def generator_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of the generator, a scalar; its adversarial terms count once `self.adversarial` holds."""
        raise NotImplementedError

    def discriminator_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of the discriminators, a scalar."""
        raise NotImplementedError

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.generator_loss(batch)

    @property
    def batch_number(self) -> int:
        """The number of the batch in training, from 0; that of the last one when the training is over."""
        return self.trainer.fit_loop.epoch_loop.total_batch_idx

    @property
    def adversarial(self) -> bool:
        """Whether the discriminators take part at the present step."""
        return self.batch_number // self.recipe.accumulate >= self.recipe.adversarial_from

    def generator_learns(self, step: int) -> bool:
        turn = self.recipe.turn
        return step < self.recipe.adversarial_from or not turn or step // turn % 2 == 0

    def discriminators_learn(self, step: int) -> bool:
        turn = self.recipe.turn
        return step >= self.recipe.adversarial_from and (not turn or step // turn % 2 == 1)

    def training_step(self, batch: dict[str, Tensor], index: int) -> None:
        step, part = divmod(self.batch_number, self.recipe.accumulate)
        ends = part == self.recipe.accumulate - 1
        generator, discriminators = self.optimizers()
        if self.generator_learns(step):
            self._learn(generator, "loss", self.generator_loss, batch, ends)
        if self.discriminators_learn(step):
            self._learn(discriminators, "discriminator_loss", self.discriminator_loss, batch, ends)

    def _learn(
        self,
        optimizer: LightningOptimizer,
        name: str,
        loss: Callable[[dict[str, Tensor]], Tensor],
        batch: dict[str, Tensor],
        ends: bool,
    ) -> None:
        """One side's part of a batch: its gradient, and a step of its optimiser where the batch ends the step."""
        self.toggle_optimizer(optimizer)
        value = loss(batch)
        self.manual_backward(value / self.recipe.accumulate)
        if ends:
            step = self.batch_number // self.recipe.accumulate
            for group in optimizer.optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * self.recipe.lr_factor(step)
            optimizer.step()
            optimizer.zero_grad()
        self.untoggle_optimizer(optimizer)
        self.log_loss(name, value)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clips the gradient of the side that steps; mixed precision has undone its scaling by now."""
        generator, _ = self.optimizers(use_pl_optimizer=False)
        if optimizer is generator:
            clipped = [(self._generator_parameters(), self.recipe.gradient_clip)]
        else:
            clipped = [
                (network.parameters(), self.recipe.discriminator_clip) for network in self.discriminators.values()
            ]
        for parameters, limit in clipped:
            if limit is not None:
                clip_grad_norm_(parameters, limit)

    def configure_optimizers(self) -> list[Optimizer]:
        rate = self.recipe.discriminator_learning_rate
        return [self.optimizer(self._generator_parameters()), self.optimizer(learnable(self.discriminators), rate)]

    def _generator_parameters(self) -> list[Parameter]:
        others = set(self.discriminators.parameters())
        return [parameter for parameter in learnable(self) if parameter not in others]
