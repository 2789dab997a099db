"""DiffDub's training stages: first losses, learning rates, options, and one whole path through both stages."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.checkpoints import read_weights, write_weights
from models.diffdub.data import RendererData
from models.diffdub.encoding import encode
from models.diffdub.presets import PRESETS
from models.diffdub.recipes import RECIPES
from models.diffdub.sampling import load
from models.diffdub.training import RendererTraining, SequenceTraining, task
from models.training import fit
from tests.small_clips import pictures, with_files


@pytest.fixture
def silent(monkeypatch):
    """Training steps outside a trainer have nobody to log to."""
    for stage in (RendererTraining, SequenceTraining):
        monkeypatch.setattr(stage, "log", lambda *arguments, **named: None)


@pytest.fixture
def with_latents(make_clip, tmp_path):
    """Clips whose latents walk at random."""
    clips = [make_clip(name, frames) for name, frames in (("a", 30), ("b", 24))]
    random = torch.Generator().manual_seed(0)
    for clip in clips:
        latents = 0.2 * torch.randn(len(clip.points), 32, generator=random).cumsum(0)
        save_file({"lips": latents}, tmp_path / f"{clip.name}.safetensors")
    return [with_files(clip, latents=tmp_path / f"{clip.name}.safetensors") for clip in clips]


def test_first_loss_of_noise_prediction_is_the_windows_share(make_clip, silent):
    preset = replace(PRESETS["renderer"]["debug"], prediction="noise", window="mouth")
    torch.manual_seed(0)
    # The last convolution of a fresh network is zero, so it foretells no noise at all.
    module = RendererTraining(preset, RECIPES["renderer"]["debug"])
    data = RendererData([make_clip("a", 10)], preset, augmented=False)
    batches = [data.batch(np.random.default_rng(seed), 16) for seed in range(4)]
    losses = [module.training_step(batch, 0).item() for batch in batches]
    share = np.mean([(1 - batch["keep"]).mean().item() for batch in batches])
    assert np.mean(losses) == pytest.approx(share, rel=0.05)


def test_loss_of_a_silent_sequence_is_the_latents_own_power(with_latents, silent):
    job = task("sequence", "debug", {}, with_latents)
    batch = job.data.batch(np.random.default_rng(0), 8)
    with torch.no_grad():
        for parameter in job.module.network.encoder.out_proj.parameters():
            parameter.zero_()
    assert job.module.training_step(batch, 0).item() == pytest.approx((batch["target"] ** 2).mean().item(), rel=1e-5)


def test_every_learnable_tensor_learns(make_clip, with_latents, silent):
    """A tensor without a gradient stalls data-parallel training."""
    for job in (
        task("renderer", "debug", {}, [make_clip("c", 6)]),
        task("sequence", "debug", {}, with_latents),
    ):
        job.module.training_step(job.data.batch(np.random.default_rng(0), 4), 0).backward()
        idle = [name for name, value in job.module.named_parameters() if value.requires_grad and value.grad is None]
        assert not idle


@pytest.mark.parametrize("stage", ["renderer", "sequence"])
def test_published_training_is_plain_adam(stage):
    recipe = RECIPES[stage]["published"]
    assert (recipe.learning_rate, recipe.weight_decay, recipe.ema_decay, recipe.ema_warmup) == (1e-4, 0, 0.9999, False)
    assert {recipe.lr_factor(step) for step in (0, 1000, recipe.steps - 1)} == {1.0}


def test_options_override_the_recipe(make_clip):
    options = {"steps": 7, "batch_size": 3, "learning_rate": 0.5, "precision": "bf16-mixed"}
    job = task("renderer", "debug", options, [make_clip("a", 4)])
    assert (job.steps, job.batch_size, job.precision) == (7, 3, "bf16-mixed")
    assert job.module.configure_optimizers()["optimizer"].param_groups[0]["initial_lr"] == 0.5
    assert task("renderer", "debug", {"steps": None}, [make_clip("b", 4)]).steps == RECIPES["renderer"]["debug"].steps


@pytest.mark.parametrize(("preset", "prolongable"), [("published", True), ("debug", False)])
def test_a_constant_learning_rate_can_be_prolonged(preset, prolongable):
    recipe = RECIPES["renderer"][preset]
    longer = replace(recipe, steps=2 * recipe.steps)
    assert (recipe.fingerprint() == longer.fingerprint()) == prolongable
    assert recipe.fingerprint() != replace(recipe, learning_rate=1.0).fingerprint()


def test_training_starts_from_given_weights(make_clip, tmp_path):
    given = {name: value + 1 for name, value in PRESETS["renderer"]["debug"].build().state_dict().items()}
    write_weights(tmp_path / "start.safetensors", given, {})
    job = task("renderer", "debug", {}, [make_clip("a", 4)], {"initial": tmp_path / "start.safetensors"})
    for name, value in job.module.network.state_dict().items():
        assert torch.equal(value, given[name])


def test_small_presets_hold_clips_out(make_clip, with_latents, monkeypatch):
    for stage, clips in (("renderer", [make_clip("c", 6), make_clip("d", 6)]), ("sequence", with_latents)):
        monkeypatch.setitem(PRESETS[stage], "small", PRESETS[stage]["debug"])
        job = task(stage, "small", {}, clips)
        assert len(job.held_out) == 1
        assert (
            job.validation.batch(np.random.default_rng(0), 2).keys()
            == job.data.batch(np.random.default_rng(0), 2).keys()
        )
        assert {path.stem for path in job.files} == {clip.name for clip in clips}
        assert task(stage, "small", {"validation": 0}, clips).validation is None
        assert task(stage, "debug", {}, clips).validation is None


def test_the_held_out_clip_is_nowhere_in_the_training(make_clip, monkeypatch):
    monkeypatch.setitem(PRESETS["renderer"], "small", PRESETS["renderer"]["debug"])
    clips = [make_clip("dark", 6, first=8), make_clip("light", 6, first=160)]
    job = task("renderer", "small", {}, clips)
    seen, held = (data.batch(np.random.default_rng(0), 32)["target"] for data in (job.data, job.validation))
    bounds = {"dark": (8, 28), "light": (160, 180)}
    (other,) = bounds.keys() - set(job.held_out)
    for images, name in ((seen, other), (held, *job.held_out)):
        levels = 127.5 + 127.5 * images.mean(dim=(1, 2, 3))
        assert bounds[name][0] - 3 < levels.min() <= levels.max() < bounds[name][1] + 3


def test_pictures_show_the_frame_the_reference_and_what_is_painted(make_clip):
    job = task("renderer", "debug", {}, [make_clip("a", 10)])
    batch = job.data.batch(np.random.default_rng(0), 3)
    with torch.no_grad():
        rows = job.module.eval().pictures(batch)
    assert rows.shape == (3, 3, 64, 64, 3)
    assert rows.dtype == np.uint8
    outside = batch["keep"][:, 0].bool().numpy()
    target, reference, made = rows.swapaxes(0, 1).astype(int)
    assert np.abs(target - reference).mean(axis=(1, 2, 3)).min() > 2
    # A fresh network answers with no residual: the window shows the reference.
    assert np.abs(made - reference)[~outside].max() <= 1
    assert (made == target)[outside].all()


@pytest.mark.slow
def test_both_stages_train_and_draw(make_clip, tmp_path):
    clips = [make_clip("a", 30), make_clip("b", 24)]
    weights = {stage: tmp_path / f"{stage}.safetensors" for stage in ("renderer", "sequence")}
    for stage in ("renderer", "sequence"):
        job = task(stage, "debug", {"steps": 3, "batch_size": 2}, clips)
        trained = fit(job, tmp_path / stage, seed=0, accelerator="cpu")
        write_weights(weights[stage], trained, {})
        assert read_weights(weights[stage]).keys() == job.module.network.state_dict().keys()
        if stage == "renderer":
            for clip in clips:
                save_file(encode(weights, "debug", clip, "cpu"), tmp_path / f"{clip.name}.safetensors")
            clips = [with_files(clip, latents=tmp_path / f"{clip.name}.safetensors") for clip in clips]
    options = {"mode": "one_shot", "reference_frame": None, "steps": 2, "sampler": "ddim", "beyond": "loop"}
    sampler = load(weights, "debug", options | {"batch_size": 4, "precision": "float32"}, "cpu")
    assert pictures(sampler, clips[0], np.load(clips[1]["speech"]), 24, 0).shape == (24, 64, 64, 3)
