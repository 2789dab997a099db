"""Frozen helpers, parts that are averaged or not, and the task that a stage makes with its recipe."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from models.checkpoints import write_weights
from models.training import Frozen, Recipe, StageTraining, fit, stage_task
from toolkit.errors import InputError

RECIPE = Recipe(steps=6, batch_size=4, learning_rate=0.1, ema_decay=0.5)


class Noise:
    def batch(self, random: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
        return {"x": torch.tensor(random.normal(size=(size, 3)), dtype=torch.float32)}


class Matched(StageTraining):
    """Learns to give what a frozen network gives, which is large."""

    def __init__(self, recipe: Recipe, width: int = 200, frozen: bool = True) -> None:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
        super().__init__(network, recipe)
        helper = nn.Sequential(nn.Linear(3, width), nn.Dropout(0.9), nn.Linear(width, 1))
        self.helper = Frozen(helper) if frozen else helper

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return ((self.network(batch["x"]) - self.helper(batch["x"])) ** 2).mean()


def job(module: StageTraining, **other):
    return stage_task("only", "debug", module.recipe, module, Noise(), [], **other)


def train(folder, module: StageTraining, **other) -> dict[str, torch.Tensor]:
    return fit(job(module, **other), folder, seed=1, accelerator="cpu")


def test_a_frozen_helper_is_neither_trained_nor_saved(tmp_path):
    sizes = {}
    for width in (1, 20_000):
        module = Matched(RECIPE, width)
        before = deepcopy(module.helper.network.state_dict())
        train(tmp_path / str(width), module)
        after = module.helper.network.state_dict()
        assert all(torch.equal(after[name], before[name]) for name in before)
        assert not any(name.startswith("helper") for name in module.state_dict())
        sizes[width] = (tmp_path / str(width) / "last.ckpt").stat().st_size
    assert sizes[20_000] == sizes[1]
    train(tmp_path / "plain", Matched(RECIPE, 20_000, frozen=False))
    assert (tmp_path / "plain" / "last.ckpt").stat().st_size > sizes[1] + 20_000 * 4 * 4


def test_a_frozen_helper_moves_with_its_stage_and_stays_in_evaluation_mode():
    module = Matched(RECIPE).double().train()
    helper = module.helper.network
    assert {value.dtype for value in helper.parameters()} == {torch.float64}
    assert not helper.training
    assert deepcopy(module).helper.network is helper
    x = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    module.helper(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(value.grad is None for value in helper.parameters())
    module.to("meta")
    assert {value.device.type for value in helper.parameters()} == {"meta"}


class Remembering(Matched):
    """Keeps the weights after each step."""

    def on_train_batch_end(self, *_) -> None:
        now = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.history = [*getattr(self, "history", []), now]


@pytest.mark.parametrize("parts", [(), ("network",), ("network.0",)])
def test_only_named_parts_are_averaged(tmp_path, parts):
    module = Remembering(RECIPE)
    first = {name: value.clone() for name, value in module.network.state_dict().items()}
    weights = train(tmp_path, module, averaged=parts)
    history = module.history[:6]
    for name, value in weights.items():
        expected = first[name]
        for now in history:
            expected = 0.5 * expected + 0.5 * now[name]
        averaged = not parts or any(f"network.{name}".startswith(part) for part in parts)
        torch.testing.assert_close(value, expected if averaged else history[-1][name])
        assert torch.equal(value, history[-1][name]) == (not averaged)


def test_a_run_with_some_parts_averaged_goes_on_bit_for_bit(tmp_path):
    for steps in (3, 6):
        recipe = Recipe(steps=steps, batch_size=4, learning_rate=0.1, ema_decay=0.5)
        prolonged = train(tmp_path / "run", Matched(recipe), averaged=("network.0",))
    whole = train(tmp_path / "whole", Matched(RECIPE), averaged=("network.0",))
    assert all(torch.equal(prolonged[name], whole[name]) for name in whole)


def test_parts_that_are_not_averaged_are_saved_once(tmp_path):
    class Wide(Matched):
        def __init__(self) -> None:
            super().__init__(RECIPE)
            self.encoder = nn.Linear(1000, 1000).requires_grad_(False)

    sizes = {}
    for parts in ((), ("network",)):
        train(tmp_path / str(len(parts)), Wide(), averaged=parts)
        sizes[parts] = (tmp_path / str(len(parts)) / "last.ckpt").stat().st_size
    assert sizes[()] - sizes[("network",)] == pytest.approx(4 * 1001 * 1000, rel=0.01)


def test_a_part_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(AttributeError, match="unet"):
        train(tmp_path, Matched(RECIPE), averaged=("network.unet",))


def test_a_task_starts_from_given_weights_which_count_for_its_run(tmp_path):
    path = tmp_path / "initial.safetensors"
    module = Matched(RECIPE)
    given = {name: value + 1 for name, value in module.network.state_dict().items()}
    write_weights(path, given, {})
    started = job(module, initial=path, pooling="mean")
    assert all(torch.equal(value, given[name]) for name, value in module.network.state_dict().items())
    assert path in started.files
    assert (started.settings["stage"], started.settings["preset"], started.settings["pooling"]) == (
        "only",
        "debug",
        "mean",
    )
    assert started.settings["learning_rate"] == 0.1
    with pytest.raises(InputError, match=r"initial\.safetensors"):
        job(Matched(RECIPE), initial=path, read=lambda path: {"other": torch.ones(1)})
