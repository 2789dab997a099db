"""How a stage is trained: the learning rate, the optimiser, and what a run is known by."""

from dataclasses import fields, replace

import pytest
import torch
from torch import nn

from models.training import Recipe, StageTraining, Task


def test_the_rate_rises_holds_and_falls():
    recipe = Recipe(steps=100, batch_size=1, warmup=10, decay=0.4)
    assert [recipe.lr_factor(step) for step in (0, 4, 9, 60)] == pytest.approx([0.1, 0.5, 1, 1])
    assert [recipe.lr_factor(step) for step in (80, 99, 100)] == pytest.approx([0.5, 0.025, 0])


def test_a_plain_recipe_keeps_its_rate():
    assert {Recipe(steps=50, batch_size=1).lr_factor(step) for step in range(51)} == {1.0}


def test_the_rate_drops_by_a_fifth_as_often_as_the_recipe_says():
    """The published run of 3000 epochs falls every 166, 18 times in all, to 9e-7 (Diffused Heads specification, section 6)."""
    recipe = Recipe(steps=3000, batch_size=1, lr_drops=18)
    falls = [step for step in range(1, 3000) if recipe.lr_factor(step) != recipe.lr_factor(step - 1)]
    assert falls == list(range(166, 3000, 166))
    assert len(falls) == 18
    assert 5e-5 * recipe.lr_factor(2999) == pytest.approx(9e-7, rel=0.01)


def test_a_short_run_drops_at_every_step():
    recipe = Recipe(steps=3, batch_size=1, lr_drops=18)
    assert [recipe.lr_factor(step) for step in range(3)] == pytest.approx([1, 0.8, 0.64])


def test_options_override_only_what_they_name():
    recipe = Recipe(steps=10, batch_size=2, warmup=3, precision="bf16-mixed")
    assert recipe.overridden({}) == recipe
    assert recipe.overridden({"steps": None, "initial": "x", "warmup": 7}) == recipe
    options = {"steps": 7, "batch_size": 3, "learning_rate": 0.5, "precision": "32-true"}
    options |= {"validation": 0.0, "validate_every": 50}
    recipe = replace(recipe, validation=0.1)
    assert recipe.overridden(options) == replace(recipe, **options)


@pytest.mark.parametrize(("shape", "prolongable"), [({}, True), ({"decay": 0.1}, False), ({"lr_drops": 2}, False)])
def test_a_fingerprint_has_the_number_of_steps_where_the_rate_follows_it(shape, prolongable):
    recipe = Recipe(steps=10, batch_size=2, **shape)
    assert (recipe.fingerprint() == replace(recipe, steps=20).fingerprint()) == prolongable
    assert recipe.fingerprint() != replace(recipe, weight_decay=0.1).fingerprint()


def test_without_weight_decay_it_is_adam():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
    theirs.load_state_dict(ours.state_dict())
    optimizers = [
        Recipe(steps=5, batch_size=1, learning_rate=0.01).optimizer(ours.parameters()),
        torch.optim.Adam(theirs.parameters(), lr=0.01),
    ]
    for x in torch.randn(5, 7, 4):
        for network, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            (network(x) ** 2).sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_the_rate_follows_the_recipe_and_frozen_tensors_stay():
    network = nn.Linear(4, 3)
    network.bias.requires_grad_(False)
    found = StageTraining(network, Recipe(steps=5, batch_size=1, learning_rate=0.5, warmup=2)).configure_optimizers()
    (group,) = found["optimizer"].param_groups
    assert [id(value) for value in group["params"]] == [id(network.weight)]
    rates = []
    for _ in range(3):
        rates.append(group["lr"])
        found["optimizer"].step()
        found["lr_scheduler"]["scheduler"].step()
    assert rates == pytest.approx([0.25, 0.5, 0.5])
    assert found["lr_scheduler"]["interval"] == "step"


def test_arguments_are_the_tasks():
    settings = Recipe(steps=5, batch_size=4, gradient_clip=2.0).task_arguments()
    assert settings.keys() <= {field.name for field in fields(Task)}
    assert (settings["steps"], settings["batch_size"], settings["gradient_clip"]) == (5, 4, 2.0)


def test_the_modules_answer_is_its_loss(monkeypatch):
    class Squares(StageTraining):
        def forward(self, batch: dict) -> torch.Tensor:
            self.parts = {"first": self.network(batch["x"])[0, 0]}
            return (self.network(batch["x"]) ** 2).mean()

    logged = {}
    monkeypatch.setattr(Squares, "log", lambda self, name, value: logged.update({name: value.item()}))
    monkeypatch.setattr(Squares, "log_dict", lambda self, values: logged.update(values))
    module = Squares(nn.Linear(2, 1), Recipe(steps=1, batch_size=1))
    batch = {"x": torch.ones(3, 2)}
    assert module.training_step(batch, 0).item() == logged["loss"] == module(batch).item()
    assert logged["first"] == module.network(batch["x"])[0, 0]
    assert not logged["first"].requires_grad


def test_other_betas_reach_the_optimiser_and_the_fingerprint():
    recipe = Recipe(steps=5, batch_size=1, betas=(0.5, 0.9))
    assert recipe.optimizer(nn.Linear(1, 1).parameters()).defaults["betas"] == (0.5, 0.9)
    assert recipe.fingerprint() != Recipe(steps=5, batch_size=1).fingerprint()


@pytest.mark.parametrize(("precision", "fused"), [("32-true", True), ("bf16-mixed", True), ("16-mixed", False)])
def test_one_kernel_takes_the_step_but_where_lightning_could_not_clip(precision, fused):
    """Lightning refuses to clip where such an optimiser has gradients scaled for 16 bits."""
    optimizer = Recipe(steps=5, batch_size=1, precision=precision).optimizer(nn.Linear(1, 1).parameters())
    assert optimizer.defaults["fused"] is fused
