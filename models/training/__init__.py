"""The one trainer: every stage of every system is a `Task`, and `fit` trains it on Lightning."""

from models.training.adversarial import AdversarialRecipe, AdversarialTraining
from models.training.fit import fit, trained_steps
from models.training.recipe import Recipe
from models.training.stage import Frozen, StageTraining, stage_task
from models.training.task import Batches, Task
from models.training.validation import held_out

__all__ = [
    "AdversarialRecipe",
    "AdversarialTraining",
    "Batches",
    "Frozen",
    "Recipe",
    "StageTraining",
    "Task",
    "fit",
    "held_out",
    "stage_task",
    "trained_steps",
]
