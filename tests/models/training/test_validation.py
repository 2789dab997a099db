"""Validation: what is held out, that it changes no training, that its losses compare, and when it ends a run."""

import csv
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from models.system import Clip
from models.training import Recipe, StageTraining, Task, fit, stage_task, trained_steps
from models.training.validation import evaluating, grid_of, held_out
from tests.models.training import gaussians
from toolkit.log import PROGRESS

ROOT = Path(__file__).parents[3]
RECIPE = Recipe(steps=12, batch_size=8, learning_rate=0.01, ema_decay=0.5, validate_every=4)
HELD = Clip("held", {})


class Numbers:
    """Around `mean`; counts how often a batch was made."""

    def __init__(self, mean: float = 0.0) -> None:
        self.mean, self.made = mean, 0

    def batch(self, random: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
        self.made += 1
        return {"x": torch.tensor(random.normal(self.mean, 1, (size, 3)), dtype=torch.float32)}


class Guess(StageTraining):
    """Learns the numbers' mean from noisy ones under dropout, and shows its guess as a brightness."""

    def __init__(self, recipe: Recipe = RECIPE) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Sequential(nn.Dropout(0.2), nn.Linear(3, 3)), recipe)
        self.modes = []

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        self.modes.append((self.network.training, torch.is_grad_enabled()))
        self.parts = {"twice": 2 * self.network[1].bias.sum()}
        noise = torch.randn_like(batch["x"])
        return ((self.network(noise) - batch["x"]) ** 2).mean()

    def pictures(self, batch: dict[str, torch.Tensor]) -> np.ndarray:
        levels = (100 * self.network(torch.randn_like(batch["x"])) + 128).clamp(0, 255).to(torch.uint8).cpu().numpy()
        return np.broadcast_to(levels[:, :, None, None, None], (*levels.shape, 4, 5, 3))


def job(recipe: Recipe = RECIPE, validation: Numbers | None = None, mean: float = 0.0) -> Task:
    module, held = Guess(recipe), [HELD] if validation else []
    return stage_task("only", "debug", recipe, module, Numbers(mean), [], validation=validation, held=held)


def run(folder: Path, task: Task, **other) -> dict[str, torch.Tensor]:
    return fit(task, folder, seed=1, accelerator="cpu", **other)


def logged(folder: Path, name: str) -> dict[int, float]:
    """Values by step, of all parts of a run."""
    rows = [row for path in sorted(folder.glob("csv/*/metrics.csv")) for row in csv.DictReader(path.open())]
    return {int(row["step"]): float(row[name]) for row in rows if row.get(name)}


def clips(count: int) -> list[Clip]:
    return [Clip(f"clip_{number}", {}) for number in range(count)]


@pytest.mark.parametrize(("count", "share", "expected"), [(100, 0.05, 5), (12, 0.05, 1), (1, 0.05, 0), (9, 0.0, 0)])
def test_a_share_of_the_clips_is_held_out(count, share, expected):
    learnt, held = held_out(clips(count), share)
    assert len(held) == expected
    assert sorted(clip.name for clip in learnt + held) == sorted(clip.name for clip in clips(count))
    assert held_out(clips(count)[::-1], share)[1] == held[::-1]  # whatever the order
    assert held_out(learnt, 0.0) == (learnt, [])


def test_training_is_what_it_would_be_without(tmp_path):
    for precision in ("32-true", "bf16-mixed"):
        recipe = replace(RECIPE, precision=precision)
        plain, validated = job(recipe), job(recipe, Numbers(5.0))
        one, other = run(tmp_path / precision / "a", plain), run(tmp_path / precision / "b", validated)
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert plain.module.modes == [mode for mode in validated.module.modes if mode[1]] == [(True, True)] * 12


def test_it_is_of_the_averaged_weights_in_evaluation_mode_at_the_same_noise(tmp_path):
    numbers = Numbers(5.0)
    task = job(RECIPE, numbers)
    weights = run(tmp_path, task)
    modes = [mode for mode in task.module.modes if not mode[1]]
    assert set(modes) == {(False, False)}
    assert len(modes) == 4 * 4  # before the first step and after 4, 8 and 12; four batches of 8 items
    assert numbers.made == 4
    losses = logged(tmp_path, "validation_loss")
    assert list(losses) == [0, 3, 7, 11]
    # The result's own loss, found anew.
    network = nn.Sequential(nn.Dropout(0.2), nn.Linear(3, 3)).eval()
    network.load_state_dict(weights)
    torch.manual_seed(1)
    batches = [Numbers(5.0).batch(np.random.default_rng((1, number)), 8)["x"] for number in range(4)]
    found = [((network(torch.randn_like(x)) - x) ** 2).mean().item() for x in batches]
    assert losses[11] == pytest.approx(np.mean(found), rel=1e-5)
    assert logged(tmp_path, "validation_twice")[11] == pytest.approx(2 * weights["1.bias"].sum().item(), rel=1e-5)


def test_weights_that_stay_have_one_loss(tmp_path):
    run(tmp_path, job(replace(RECIPE, learning_rate=1e-30), Numbers(5.0)))
    assert len(set(logged(tmp_path, "validation_loss").values())) == 1


def test_a_run_that_goes_on_validates_as_a_whole_one(tmp_path):
    run(tmp_path / "parts", job(replace(RECIPE, steps=6), Numbers(5.0)))
    parts, whole = (run(tmp_path / name, job(RECIPE, Numbers(5.0))) for name in ("parts", "whole"))
    assert all(torch.equal(parts[name], whole[name]) for name in whole)
    found = {step: loss for step, loss in logged(tmp_path / "parts", "validation_loss").items() if step != 5}
    assert found == logged(tmp_path / "whole", "validation_loss")


def test_progress_has_the_loss_of_held_out_clips(tmp_path, caplog):
    caplog.set_level(PROGRESS, "talkflow")
    run(tmp_path, job(RECIPE, Numbers(5.0)))
    loss = logged(tmp_path, "validation_loss")[11]
    assert f"({loss:.5f} on held-out clips)" in caplog.text


def test_pictures_are_shown_some_twenty_times(tmp_path):
    run(tmp_path, job(replace(RECIPE, steps=90, validate_every=1), Numbers(5.0)))
    paths = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert paths == [f"step_{step:06d}.png" for step in (*range(0, 90, 4), 90)]
    grid = cv2.imread(str(tmp_path / "pictures/step_000090.png"))
    assert grid.shape == (4 * 4, 3 * 5, 3)
    assert len(np.unique(grid)) > 3


def test_a_grid_has_a_row_for_each_item():
    pictures = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1) * np.ones((1, 1, 2, 4, 3), np.uint8)
    assert grid_of(pictures)[::2, ::4, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_parts_come_back_in_their_own_mode():
    network = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    network[1].eval()
    with evaluating(network):
        assert not any(part.training for part in network.modules())
    assert [part.training for part in network.modules()] == [True, True, False, False]


# Held-out numbers lie at 0.3 of the way to those that are learnt: the loss falls, then rises.
WAITING = replace(RECIPE, steps=400, learning_rate=0.05, patience=3)


def waiting(recipe: Recipe = WAITING) -> Task:
    return job(recipe, Numbers(1.0), mean=3.0)


def test_patience_ends_a_run_with_its_best_weights(tmp_path):
    weights = run(tmp_path / "run", waiting())
    losses = logged(tmp_path / "run", "validation_loss")
    best = min(losses, key=losses.get)
    assert 0 < best < max(losses) == best + 3 * 4 < 399
    assert trained_steps(tmp_path / "run") == best + 1
    exact = run(tmp_path / "exact", job(replace(WAITING, steps=best + 1, patience=None), mean=3.0))
    assert all(torch.equal(weights[name], exact[name]) for name in exact)
    again = run(tmp_path / "run", waiting())  # it has ended, and is only read
    assert all(torch.equal(weights[name], again[name]) for name in again)
    assert logged(tmp_path / "run", "validation_loss") == losses


def test_a_run_that_goes_on_has_the_same_patience(tmp_path):
    whole = run(tmp_path / "whole", waiting())
    steps = trained_steps(tmp_path / "whole")
    for stop in (steps - 2, steps + 5):
        run(tmp_path / str(stop), waiting(replace(WAITING, steps=stop)))
        resumed = run(tmp_path / str(stop), waiting())
        assert all(torch.equal(resumed[name], whole[name]) for name in whole)
        assert trained_steps(tmp_path / str(stop)) == steps


def test_a_best_that_is_ahead_of_the_checkpoint_is_no_result(tmp_path):
    """As after a kill between the two files."""
    run(tmp_path, waiting(replace(WAITING, steps=6)))
    assert trained_steps(tmp_path) == 4
    torch.save({"state_dict": Guess().state_dict(), "steps": 8}, tmp_path / "best.ckpt")
    run(tmp_path, waiting(replace(WAITING, steps=7)))
    assert trained_steps(tmp_path) == 7


def test_other_data_begin_without_the_best_and_the_pictures_of_before(tmp_path):
    run(tmp_path, waiting())
    run(tmp_path, job(RECIPE))
    assert trained_steps(tmp_path) == 12
    assert not (tmp_path / "pictures").exists()


def test_patience_without_held_out_clips_is_said_to_be_none(tmp_path, caplog):
    run(tmp_path, job(replace(RECIPE, patience=3)))
    assert "no clip is held out" in caplog.text
    assert trained_steps(tmp_path) == 12


@pytest.mark.parametrize("mode", [{}, {"turn": 1, "accumulate": 3}, {"adversarial_from": 5}], ids=str)
def test_adversarial_stages_validate_their_generators_loss(tmp_path, mode):
    recipe = {"steps": 12, "validate_every": 4, **mode}
    plain, validated = gaussians.task(**recipe), gaussians.task(**recipe)
    validated = replace(validated, validation=gaussians.Gaussian())
    one, other = (gaussians.run(tmp_path / name, task) for name, task in (("a", plain), ("b", validated)))
    assert all(torch.equal(one[name], other[name]) for name in one)
    losses = list(logged(tmp_path / "b", "validation_loss").values())
    assert len(losses) == 4
    assert len(set(losses)) >= 3  # a generator that learns alone meets a discriminator that knows nothing


@pytest.mark.slow
def test_two_processes_agree_on_the_end(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(
        textwrap.dedent(f"""
        from pathlib import Path
        import torch
        from tests.models.training.test_validation import run, waiting
        weights = run(Path({str(tmp_path / "run")!r}), waiting(), devices=2, strategy="ddp")
        torch.save(weights, Path({str(tmp_path)!r}) / f"{{torch.distributed.get_rank()}}.pt")
        """)
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    result = subprocess.run([sys.executable, path], env=environment, capture_output=True, timeout=240)
    assert result.returncode == 0, result.stderr.decode()[-3000:]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    steps = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["steps"]
    assert steps == trained_steps(tmp_path / "run") + 3 * 4 < 400
