"""The training of AToM: its loss, its optimiser, and a whole path from files to motion."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim import AdamW

from models.checkpoints import write_weights
from models.diffusion import cosine_schedule
from models.moditalker import motion_training
from models.moditalker.motion_sampling import load
from models.moditalker.motion_training import MotionTraining, motion_losses, motion_task
from models.moditalker.presets import PRESETS, AtomPreset
from models.moditalker.recipes import RECIPES
from models.training import fit
from models.training.adan import Adan
from tests.small_clips import with_files
from toolkit.errors import InputError
from toolkit.files import write_npy, write_npz

TINY = {
    "width": 16,
    "heads": 2,
    "feed_forward": 32,
    "layers": 1,
    "encoder_layers": 1,
    "length": 8,
    "normalised": True,
    "direct": True,
}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(motion_training.PRESETS["atom"], "debug", replace(PRESETS["atom"]["debug"], network=TINY))


@pytest.fixture
def talker(make_clip, tmp_path):
    """talker(name, frames) -> a clip whose mouth opens as its speech is loud."""

    def make(name: str, frames: int):
        files = {"face3d": tmp_path / f"{name}_face3d.npz", "speech": tmp_path / f"{name}_speech.npy"}
        clip = with_files(make_clip(name, frames), **files)
        loud = np.sin(np.arange(frames) * (0.7 + 0.1 * len(name))).astype(np.float32)
        motion = np.zeros((frames, 68, 3), np.float32)
        motion[:, 66, 1] = -loud
        write_npz(files["face3d"], motion=motion)
        write_npy(files["speech"], loud.repeat(2)[:, None].repeat(4, axis=1))
        return clip

    return make


def test_the_loss_weighs_motion_and_its_change():
    """An error of 2 in one frame of five, which comes and goes."""
    motion = torch.zeros(1, 5, 204)
    predicted = motion.clone()
    predicted[:, 2] = 2
    parts = motion_losses(predicted, motion)
    assert parts["motion"].item() == pytest.approx(7.5 * 4 / 5)
    assert parts["change"].item() == pytest.approx(1.5 * 2 * 4 / 4)


def test_first_loss_is_that_of_a_network_that_says_nothing(talker):
    job = motion_task("atom", "debug", {}, [talker("a", 20)])
    for parameter in job.module.network.final_layer.parameters():
        parameter.data.zero_()
    batch = job.data.batch(np.random.default_rng(0), 4)
    expected = sum(motion_losses(torch.zeros_like(batch["motion"]), batch["motion"]).values())
    assert job.module(batch).item() == pytest.approx(expected.item())


def test_items_without_conditions_do_not_see_them(talker):
    recipe = replace(RECIPES["atom"]["debug"], dropped=1.0)
    torch.manual_seed(0)
    module = MotionTraining(replace(PRESETS["atom"]["debug"], network=TINY), recipe, 4)
    batch = motion_task("atom", "debug", {}, [talker("a", 20)]).data.batch(np.random.default_rng(0), 2)
    other = batch | {"speech": -batch["speech"], "reference": batch["reference"] + 1}

    def loss(given: dict) -> float:
        torch.manual_seed(0)
        return module(given).item()

    assert loss(batch) == loss(other)
    module.eval()  # held-out clips keep them
    assert loss(batch) != loss(other)


def test_the_recipe_chooses_the_optimiser(talker):
    clips = [talker("a", 20)]
    job = motion_task("atom", "debug", {}, clips)
    assert isinstance(job.module.configure_optimizers()["optimizer"], AdamW)
    published = MotionTraining(replace(AtomPreset(), network=TINY), RECIPES["atom"]["published"], 4)
    optimizer = published.configure_optimizers()["optimizer"]
    assert isinstance(optimizer, Adan)
    assert (optimizer.defaults["lr"], optimizer.defaults["weight_decay"]) == (4e-4, 0.02)


def test_what_sampling_does_not_reach_is_said(talker, monkeypatch, caplog):
    limited = replace(PRESETS["atom"]["debug"], limit=0.5)
    monkeypatch.setitem(motion_training.PRESETS["atom"], "debug", limited)
    motion_task("atom", "debug", {}, [talker("a", 20)])
    assert "further than 0.5 from its window's first frame" in caplog.text


def test_clips_that_are_too_short_are_left_out_before_any_is_held_out(talker, monkeypatch):
    recipe = replace(RECIPES["atom"]["debug"], validation=0.3)
    monkeypatch.setitem(motion_training.RECIPES["atom"], "debug", recipe)
    job = motion_task(
        "atom", "debug", {}, [talker("long", 9), talker("longer", 10), *(talker(name, 7) for name in "abcdefgh")]
    )
    assert len(job.held_out) == 1
    assert job.held_out[0] in ("long", "longer")


def test_a_training_of_short_clips_alone_is_refused(talker):
    with pytest.raises(InputError, match="none shows a face for 8 frames"):
        motion_task("atom", "debug", {}, [talker("a", 7)])


def test_the_network_may_see_a_linear_guess_instead_of_noise():
    """Of motion of that spread the guess has the least error that a factor can have, and at the end nothing of the noise."""
    preset, schedule = AtomPreset(spread=0.3), AtomPreset().training_schedule()
    random = torch.Generator().manual_seed(0)
    start, noise = 0.3 * torch.randn(1, 2000, 8, generator=random), torch.randn(1, 2000, 8, generator=random)
    for step in (10, 500, 999):
        t = torch.tensor([step])
        noisy = schedule.noisy(start, noise, t)
        best = (noisy * start).mean() / noisy.square().mean()
        factor = (preset.seen(noisy, t) * noisy).mean() / noisy.square().mean()
        assert factor.item() == pytest.approx(best.item(), rel=0.03, abs=0.01)
        torch.testing.assert_close(preset.seen(noisy, t), factor * noisy)
    assert torch.equal(AtomPreset().seen(noisy, t), noisy)
    torch.testing.assert_close(schedule.betas.double(), cosine_schedule().betas, rtol=1e-6, atol=0)


def test_a_training_with_adan_goes_on_where_it_stopped(talker, tmp_path, monkeypatch):
    recipe = replace(RECIPES["atom"]["debug"], optimiser="adan", warmup=0, decay=0.0)
    monkeypatch.setitem(motion_training.RECIPES["atom"], "debug", recipe)
    clip = talker("a", 20)

    def trained(folder: str, steps: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        job = motion_task("atom", "debug", {"steps": steps, "batch_size": 2}, [clip])
        return fit(job, tmp_path / folder, seed=0, accelerator="cpu")

    trained("run", 3)
    weights, whole = trained("run", 6), trained("whole", 6)
    for name, value in weights.items():
        torch.testing.assert_close(value, whole[name], rtol=1e-4, atol=1e-6)


def test_training_learns_and_samples(talker, tmp_path):
    torch.manual_seed(0)
    clips = [talker(name, frames) for name, frames in (("a", 20), ("bb", 24))]
    job = motion_task("atom", "debug", {"steps": 80, "learning_rate": 1e-2}, clips)
    weights = fit(job, tmp_path / "run", seed=0, accelerator="cpu")
    batch = job.data.batch(np.random.default_rng(0), 16)
    silent = sum(motion_losses(torch.zeros_like(batch["motion"]), batch["motion"]).values())
    with torch.no_grad():
        assert job.module.eval()(batch) < 0.5 * silent
    write_weights(tmp_path / "atom.safetensors", weights, {})
    speech = np.load(clips[0]["speech"])
    found = load(tmp_path / "atom.safetensors", "debug", device="cpu").motion(np.zeros((68, 3)), speech, 20, "a", 0)
    assert found.shape == (20, 68, 3)
    assert np.isfinite(found).all()
