"""The one trainer: every stage of every system is a `Task`, and `fit` trains it on Lightning."""

from models.training.adversarial import AdversarialRecipe, AdversarialTraining
from models.training.fit import fit
from models.training.recipe import Recipe
from models.training.stage import Frozen, StageTraining, stage_task
from models.training.task import Batches, Task

__all__ = [
    "AdversarialRecipe",
    "AdversarialTraining",
    "Batches",
    "Frozen",
    "Recipe",
    "StageTraining",
    "Task",
    "fit",
    "stage_task",
]
