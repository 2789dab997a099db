"""The trainer: repeatable, resumable after SIGKILL, averaging as published."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import lightning.pytorch as lightning
import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from models.training import Task, fit

ROOT = Path(__file__).parents[3]


class Lines:
    """Points on a noisy line; `pause` seconds a batch."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause

    def batch(self, random: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
        time.sleep(self.pause)
        x = random.normal(size=(size, 3))
        y = x @ np.array([[1.0], [-2.0], [0.5]]) + random.normal(size=(size, 1))
        return {"x": torch.tensor(x, dtype=torch.float32), "y": torch.tensor(y, dtype=torch.float32)}


class Regression(lightning.LightningModule):
    """Least squares under dropout; remembers the weights after each step."""

    def __init__(self, optimizer: type = torch.optim.Adam) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Linear(3, 1)
        self.dropout = nn.Dropout(0.2)
        self.optimizer = optimizer
        self.history = [self.network.weight.detach().clone()]

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return ((self.network(self.dropout(batch["x"])) - batch["y"]) ** 2).mean()

    def training_step(self, batch: dict[str, torch.Tensor], index: int) -> torch.Tensor:
        loss = self(batch)
        self.log("loss", loss)
        return loss

    def on_train_batch_end(self, *_) -> None:
        self.history.append(self.network.weight.detach().clone())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer(self.parameters(), lr=0.01)


def task(steps: int = 30, pause: float = 0.0, ema_decay: float = 0.9, **other) -> Task:
    line = Lines(pause)
    return Task(
        module=Regression(), network="network", data=line, batch_size=8, steps=steps, ema_decay=ema_decay, **other
    )


def run(folder: Path, job: Task, seed: int = 1, **other) -> dict[str, torch.Tensor]:
    return fit(job, folder, seed=seed, accelerator="cpu", **other)


def test_weights_come_back_without_prefix_and_with_logs(tmp_path):
    weights = run(tmp_path, task())
    assert {name: tuple(value.shape) for name, value in weights.items()} == {"weight": (1, 3), "bias": (1,)}
    header, *rows = next(tmp_path.glob("csv/*/metrics.csv")).read_text().splitlines()
    assert "loss" in header.split(",")
    assert len(rows) >= 3
    assert list(tmp_path.glob("tensorboard/*/events*"))


class Pictures(Lines):
    """Pictures and what a convolution should make of them."""

    def batch(self, random: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
        x, y = random.normal(size=(size, 3, 5, 5)), random.normal(size=(size, 2, 5, 5))
        return {"x": torch.tensor(x, dtype=torch.float32), "y": torch.tensor(y, dtype=torch.float32)}


def test_kernels_are_learnt_with_channels_last_and_come_back_as_files_hold_them(tmp_path):
    job = task()
    job.module.network, job.module.videos = nn.Conv2d(3, 2, 3, padding=1), nn.Conv3d(3, 2, 3)
    job = replace(job, data=Pictures())
    weights = run(tmp_path, job)
    assert job.module.network.weight.is_contiguous(memory_format=torch.channels_last)
    assert job.module.videos.weight.is_contiguous()
    assert weights["weight"].is_contiguous()
    assert torch.equal(weights["weight"], job.module.network.weight)
    save(weights)  # safetensors takes no others


def test_training_learns(tmp_path):
    weights = run(tmp_path, task(steps=1000, ema_decay=0.99))
    # Dropout of 0.2 with its scale 1/0.8 shrinks least squares by 1 / (1 + 0.25).
    torch.testing.assert_close(weights["weight"], torch.tensor([[0.8, -1.6, 0.4]]), atol=0.15, rtol=0)


@pytest.mark.parametrize(("warmup", "every"), [(False, 1), (True, 1), (True, 5)])
def test_average_is_the_published_recursion(tmp_path, warmup, every):
    job = task(steps=12, ema_decay=0.9, ema_warmup=warmup, ema_every=every)
    weights = run(tmp_path, job)
    history = job.module.history[:13]  # the average is copied into the module only after the last step
    expected = history[0]
    for n, current in enumerate(history[every::every], start=1):
        decay = min(0.9, (1 + n) / (10 + n)) if warmup else 0.9
        expected = decay * expected + (1 - decay) * current
    torch.testing.assert_close(weights["weight"], expected, rtol=1e-6, atol=1e-7)


def test_same_seed_same_weights(tmp_path):
    first, again = run(tmp_path / "a", task()), run(tmp_path / "b", task())
    other = run(tmp_path / "c", task(), seed=2)
    assert torch.equal(first["weight"], again["weight"])
    assert not torch.allclose(first["weight"], other["weight"], atol=1e-4)


def test_worker_processes_change_nothing(tmp_path):
    assert torch.equal(run(tmp_path / "a", task())["weight"], run(tmp_path / "b", task(), workers=2)["weight"])


def test_accumulated_batches_are_one_larger_batch(tmp_path):
    """With plain gradient descent and no dropout, the mean over two batches of 8 is that over 16 items."""

    class Fixed:
        def batch(self, random, size):
            return Lines().batch(np.random.default_rng(5), size)

    def job(size: int, accumulate: int, pick: slice):
        module = Regression(torch.optim.SGD)
        module.dropout.p = 0.0
        return Task(
            module=module, network="network", data=Halves(pick), batch_size=size, steps=4, accumulate=accumulate
        )

    class Halves(Fixed):
        def __init__(self, pick: slice) -> None:
            self.pick, self.turn = pick, 0

        def batch(self, random, size):
            whole = super().batch(random, 16)
            if size == 16:
                return whole
            self.turn += 1
            half = slice(0, 8) if self.turn % 2 else slice(8, 16)
            return {name: value[half] for name, value in whole.items()}

    once = run(tmp_path / "a", job(16, 1, slice(None)))
    twice = run(tmp_path / "b", job(8, 2, slice(None)))
    torch.testing.assert_close(once["weight"], twice["weight"])


def test_a_run_ends_when_its_seconds_are_over(tmp_path):
    begin = time.monotonic()
    job = task(steps=10**6, pause=0.02)
    run(tmp_path, job, seconds=1)
    assert time.monotonic() - begin < 10
    done = torch.load(tmp_path / "last.ckpt", weights_only=True)["steps"]
    assert 1 <= done == len(job.module.history) - 1 <= 50


def test_a_finished_run_is_only_read(tmp_path):
    first = run(tmp_path, task())
    stamp = (tmp_path / "last.ckpt").stat().st_mtime_ns
    again = run(tmp_path, task())
    assert torch.equal(first["weight"], again["weight"])
    assert (tmp_path / "last.ckpt").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("change", ["settings", "file", "seed"])
def test_other_settings_or_data_start_afresh(tmp_path, change):
    data = tmp_path / "data.bin"
    data.write_bytes(b"one")
    run(tmp_path / "run", task(files=[data], settings={"preset": "a"}))
    (tmp_path / "run" / ".last.12345678.ckpt").write_bytes(b"half written")
    if change == "file":
        data.write_bytes(b"two")
    settings, seed = {"preset": "b" if change == "settings" else "a"}, 2 if change == "seed" else 1
    weights = run(tmp_path / "run", task(files=[data], settings=settings), seed=seed)
    fresh = run(tmp_path / "fresh", task(files=[data], settings=settings), seed=seed)
    assert torch.equal(weights["weight"], fresh["weight"])
    assert len(list((tmp_path / "run").glob("csv/*"))) == 1
    assert not list((tmp_path / "run").glob(".last.*"))


def test_more_steps_prolong_a_run_and_fewer_start_it_afresh(tmp_path):
    run(tmp_path / "run", task(steps=10))
    prolonged, short = run(tmp_path / "run", task(steps=30)), run(tmp_path / "run", task(steps=20))
    assert torch.equal(prolonged["weight"], run(tmp_path / "long", task(steps=30))["weight"])
    assert torch.equal(short["weight"], run(tmp_path / "short", task(steps=20))["weight"])


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 3])
def test_killed_run_ends_as_if_undisturbed(tmp_path, accumulate):
    script = textwrap.dedent(f"""
        from pathlib import Path
        from tests.models.training.test_fit import run, task
        run(Path({str(tmp_path / "killed")!r}), task(steps=60, pause=0.3, accumulate={accumulate}), pause=0.2)
    """)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL)
    last = tmp_path / "killed" / "last.ckpt"
    deadline = time.monotonic() + 120
    while not last.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    step = torch.load(last, weights_only=True)["steps"]
    assert 0 < step < 60
    resumed = run(tmp_path / "killed", task(steps=60, accumulate=accumulate))
    undisturbed = run(tmp_path / "whole", task(steps=60, accumulate=accumulate))
    assert torch.equal(resumed["weight"], undisturbed["weight"])
    assert torch.equal(resumed["bias"], undisturbed["bias"])


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path):
    script = textwrap.dedent(f"""
        from pathlib import Path
        import torch
        from tests.models.training.test_fit import run, task
        weights = run(Path({str(tmp_path / "run")!r}), task(), devices=2, strategy="ddp")
        torch.save(weights, Path({str(tmp_path)!r}) / f"{{torch.distributed.get_rank()}}.pt")
    """)
    path = tmp_path / "train.py"
    path.write_text(script)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, path], env=environment, check=True, capture_output=True, timeout=240)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert torch.equal(first["weight"], second["weight"])
    alone = run(tmp_path / "alone", task())
    assert not torch.allclose(first["weight"], alone["weight"], atol=1e-5)  # the second process's batches count too


def test_batch_norms_have_the_statistics_of_the_averaged_weights(tmp_path):
    """What a normalisation after a drifting layer needs: with averaged running statistics its answers would be shifted."""
    job = task(steps=60, ema_decay=0.97)
    job.module.network = nn.Sequential(job.module.network, nn.BatchNorm1d(1))
    job.module.on_train_batch_end = lambda *_: None
    weights = run(tmp_path, job)
    x = np.concatenate([job.data.batch(np.random.default_rng(n), 500)["x"] for n in range(20)])
    kept = nn.functional.dropout(torch.tensor(x), 0.2) @ weights["0.weight"].T + weights["0.bias"]
    assert abs(float(weights["1.running_mean"]) - float(kept.mean())) < 0.25
    assert float(weights["1.running_var"]) == pytest.approx(float(kept.var()), rel=0.2)
