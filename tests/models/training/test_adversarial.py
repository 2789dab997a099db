"""Adversarial stages: they reach a known optimum, take turns, accumulate, clip, and go on after SIGKILL."""

import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import lightning.pytorch as lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import nn
from torch.utils.data import DataLoader

from models.discriminators import PatchDiscriminator
from models.training import AdversarialRecipe, AdversarialTraining
from models.training.fit import _remeasure
from tests.models.training.gaussians import DEVIATION, MEAN, Gaussian, Gaussians, run, task
from toolkit.errors import InputError

ROOT = Path(__file__).parents[3]
MODES = [{}, {"turn": 1, "accumulate": 3}, {"turn": 2}, {"accumulate": 2, "adversarial_from": 5}]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [{}, {"turn": 1, "accumulate": 2}], ids=["at_once", "turns"])
def test_the_optimum_is_reached(tmp_path, mode):
    """The generator's numbers become those of the data, and the discriminator cannot tell them apart."""
    job = task(**mode, steps=1500, batch_size=128, ema_decay=0.99)
    weights = run(tmp_path, job)
    assert float(weights["shift"]) == pytest.approx(MEAN, abs=0.06)
    assert abs(float(weights["scale"])) == pytest.approx(DEVIATION, abs=0.06)
    x = torch.linspace(MEAN - 2 * DEVIATION, MEAN + 2 * DEVIATION, 50)[:, None]
    assert job.module.discriminators["logits"](x).abs().max() < 0.5


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ({}, ["gd", "gd", "gd", "gd", "gd", "gd"]),
        ({"adversarial_from": 4}, ["g", "g", "g", "g", "gd", "gd"]),
        ({"turn": 2}, ["g", "g", "d", "d", "g", "g"]),
        ({"turn": 1, "adversarial_from": 3}, ["g", "g", "g", "d", "g", "d"]),
        ({"turn": 1, "accumulate": 3}, ["ggg", "ddd", "ggg", "ddd", "ggg", "ddd"]),
        ({"accumulate": 2}, ["gdgd"] * 6),
    ],
)
def test_steps_are_counted_once_whoever_learns(tmp_path, mode, expected):
    job = task(**mode, steps=6)
    stepped = Counter()
    clip = job.module.on_before_optimizer_step

    def count(optimizer: torch.optim.Optimizer) -> None:
        stepped["g" if optimizer is job.module.optimizers(use_pl_optimizer=False)[0] else "d"] += 1
        clip(optimizer)

    job.module.on_before_optimizer_step = count
    run(tmp_path, job)
    accumulate = mode.get("accumulate", 1)
    sides = [side[0] for side, _ in job.module.turns]
    assert "".join(sides) == "".join(expected)
    assert max(number for _, number in job.module.turns) == 6 * accumulate - 1
    assert stepped == {
        side: sum(side in step for step in expected) for side in "gd" if any(side in s for s in expected)
    }
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["steps"] == 6


def test_the_side_that_does_not_learn_stays_as_it_is(tmp_path):
    job = task(steps=3, turn=3)
    run(tmp_path / "generator", job)
    assert not any(value.any() for value in job.module.discriminators.parameters())
    job = task(steps=6, turn=3)
    shift = []
    job.module.on_train_batch_end = lambda *_: shift.append(float(job.module.network.shift.detach()))
    run(tmp_path / "both", job)
    assert shift[3:] == [shift[2]] * 3
    assert any(value.any() for value in job.module.discriminators.parameters())


def test_the_average_counts_the_generators_steps(tmp_path):
    job = task(steps=8, turn=2, ema_decay=0.9)
    shift = [0.0]
    job.module.on_train_batch_end = lambda *_: shift.append(float(job.module.network.shift.detach()))
    weights = run(tmp_path, job)
    expected = shift[0]
    for step in (0, 1, 4, 5):
        expected = 0.9 * expected + 0.1 * shift[step + 1]
    assert float(weights["shift"]) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("stop", [4, 7])
def test_a_run_goes_on_bit_for_bit_at_any_turn(tmp_path, mode, stop):
    run(tmp_path / "run", task(steps=stop, **mode))
    resumed, whole = task(steps=12, **mode), task(steps=12, **mode)
    weights, expected = run(tmp_path / "run", resumed), run(tmp_path / "whole", whole)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert all(torch.equal(a, b) for a, b in zip(resumed.module.parameters(), whole.module.parameters(), strict=True))
    assert resumed.module.turns == [turn for turn in whole.module.turns if turn[1] >= stop * mode.get("accumulate", 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "kill"),
    [
        ({}, ("generator", 30)),
        ({}, ("discriminator", 30)),
        ({"turn": 1, "accumulate": 3}, ("generator", 31)),
        ({"turn": 1, "accumulate": 3}, ("discriminator", 34)),
    ],
    ids=str,
)
def test_killed_run_ends_as_if_undisturbed(tmp_path, mode, kill):
    script = textwrap.dedent(f"""
        from pathlib import Path
        from tests.models.training.gaussians import run, task
        run(Path({str(tmp_path / "killed")!r}), task(kill={kill!r}, pause=0.1, **{mode!r}), pause=0.3)
    """)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, timeout=240)
    assert process.returncode == -9, process.stderr.decode()[-2000:]
    last = torch.load(tmp_path / "killed" / "last.ckpt", weights_only=True)
    assert 0 < last["steps"] <= kill[1] // mode.get("accumulate", 1)
    weights, expected = run(tmp_path / "killed", task(**mode)), run(tmp_path / "whole", task(**mode))
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


class Descent(Gaussians):
    """Another optimiser than the recipe's, and the same noise for the same number: what is added up can be foretold."""

    def optimizer(self, parameters, learning_rate=None):
        return torch.optim.SGD(parameters, lr=learning_rate or self.recipe.learning_rate)

    def generator_loss(self, batch):
        generated = self.network(batch["x"])
        return (self.discriminators["logits"](generated) ** 2 + generated).mean()

    def discriminator_loss(self, batch):
        return (self.discriminators["logits"](batch["x"]) - batch["x"]).square().mean()


def descent(batches: list[torch.Tensor], **recipe):
    class Given:
        def __init__(self) -> None:
            self.rest = iter(batches)

        def batch(self, random, size):
            return {"x": next(self.rest, batches[-1])}  # one more than is trained on is prepared

    job = task(learning_rate=0.05, ema_decay=0.0, **recipe)
    module = Descent(job.module.recipe)
    return type(job)(**{**vars(job), "module": module, "data": Given()})


@pytest.mark.parametrize("turn", [0, 1])
def test_accumulated_batches_are_one_larger_batch(tmp_path, turn):
    numbers = Gaussian().batch(np.random.default_rng(0), 64)["x"]
    jobs = [
        descent(list(numbers.split(8)), steps=4, accumulate=2, turn=turn),
        descent(list(numbers.split(16)), steps=4, accumulate=1, turn=turn),
    ]
    for number, job in enumerate(jobs):
        run(tmp_path / str(number), job)
    for one, other in zip(*(job.module.parameters() for job in jobs), strict=True):
        torch.testing.assert_close(one, other)


def test_every_side_is_clipped_by_its_own_limit_and_discriminators_apart(tmp_path):
    job = descent(
        [torch.full((4, 1), 50.0)] * 2,
        steps=1,
        gradient_clip=0.5,
        discriminator_clip=0.25,
        discriminator_learning_rate=1,
    )
    job.module.discriminators["second"] = nn.Linear(1, 1)
    both = job.module.discriminator_loss
    job.module.discriminator_loss = lambda batch: (
        both(batch) + job.module.discriminators["second"](batch["x"]).square().mean()
    )
    before = {name: value.detach().clone() for name, value in job.module.named_parameters()}
    run(tmp_path, job)
    moved = {name: (value.detach() - before[name]).square().sum() for name, value in job.module.named_parameters()}

    def length(start: str) -> float:
        return float(sum(value for name, value in moved.items() if name.startswith(start)).sqrt())

    assert length("network") == pytest.approx(0.05 * 0.5, rel=1e-3)
    assert length("discriminators.logits") == pytest.approx(0.25, rel=1e-3)
    assert length("discriminators.second") == pytest.approx(0.25, rel=1e-3)


def test_the_learning_rates_of_both_sides_follow_the_recipe(tmp_path):
    job = task(steps=4, warmup=4, learning_rate=0.4, discriminator_learning_rate=0.8, turn=2)
    rates = []
    job.module.on_before_optimizer_step = lambda optimizer: rates.append(optimizer.param_groups[0]["lr"])
    run(tmp_path, job)
    assert rates == pytest.approx([0.1, 0.2, 0.6, 0.8])


def test_frozen_parts_of_the_network_stay(tmp_path):
    job = task(steps=4)
    job.module.network.scale.requires_grad_(False)
    weights = run(tmp_path, job)
    assert float(weights["scale"]) == 1.0
    assert float(weights["shift"]) != 0.0


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_mixed_precision(tmp_path, precision):
    weights = run(tmp_path, task(steps=10, precision=precision, turn=1, accumulate=2, gradient_clip=1.0))
    assert all(value.isfinite() and value.dtype == torch.float32 for value in weights.values())
    assert float(weights["shift"]) != 0.0


def test_a_scaled_loss_of_two_sides_at_once_cannot_be_accumulated():
    with pytest.raises(InputError, match="bf16-mixed"):
        task(steps=2, precision="16-mixed", accumulate=2)


def test_scaled_gradients_are_clipped_at_their_true_length(tmp_path):
    """Float16 with loss scaling, which Lightning offers on GPUs only unless the scaler is given."""
    job = descent([torch.full((4, 1), 3.0)], steps=1, gradient_clip=0.5)
    trainer = lightning.Trainer(
        max_epochs=1,
        limit_train_batches=1,
        accelerator="cpu",
        plugins=[MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=256.0))],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        default_root_dir=tmp_path,
    )
    before = [value.detach().clone() for value in job.module.network.parameters()]
    with torch.no_grad():
        job.module.discriminators["logits"].line.weight.fill_(0.5)
    trainer.fit(job.module, DataLoader([job.data.batch(None, 4)], batch_size=None))
    moved = [(now.detach() - then).square() for now, then in zip(job.module.network.parameters(), before, strict=True)]
    assert float(sum(moved).sqrt()) == pytest.approx(0.05 * 0.5, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [{}, {"turn": 1, "accumulate": 2}], ids=["at_once", "turns"])
def test_two_processes_train_one_pair(tmp_path, mode):
    script = textwrap.dedent(f"""
        from pathlib import Path
        import torch
        from tests.models.training.gaussians import run, task
        job = task(steps=10, **{mode!r})
        run(Path({str(tmp_path / "run")!r}), job, devices=2)
        torch.save(job.module.state_dict(), Path({str(tmp_path)!r}) / f"{{torch.distributed.get_rank()}}.pt")
    """)
    path = tmp_path / "train.py"
    path.write_text(script)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    result = subprocess.run([sys.executable, path], env=environment, capture_output=True, timeout=240)
    assert result.returncode == 0, result.stderr.decode()[-3000:]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    alone = task(steps=10, **mode)
    run(tmp_path / "alone", alone)
    for name, value in alone.module.state_dict().items():
        assert not torch.allclose(first[name], value, atol=1e-6)  # the second process's batches count for both sides


def test_batch_norms_of_discriminators_are_left_alone():
    class Judged(AdversarialTraining):
        def generator_loss(self, batch):
            return self.discriminators["patches"](self.network(batch["x"])).mean()

    class Pictures:
        def batch(self, random, size):
            return {"x": torch.tensor(random.normal(3, 1, (size, 3, 32, 32)), dtype=torch.float32)}

    network = nn.Sequential(nn.BatchNorm2d(3))
    module = Judged(network, {"patches": PatchDiscriminator(width=4)}, AdversarialRecipe(steps=1, batch_size=4))
    norms = [layer for layer in module.discriminators.modules() if isinstance(layer, nn.BatchNorm2d)]
    counts = [int(norm.num_batches_tracked.fill_(7)) for norm in norms]
    job = task(steps=9)
    _remeasure(type(job)(**{**vars(job), "module": module, "data": Pictures()}), 0, torch.device("cpu"), batches=5)
    assert [norm.momentum for norm in norms] == [0.1] * 3
    assert [int(norm.num_batches_tracked) for norm in norms] == [count + 5 for count in counts]  # not begun anew
    assert network[0].running_mean.tolist() == pytest.approx([3, 3, 3], abs=0.1)
    assert network[0].momentum == 0.1
