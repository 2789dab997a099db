"""Diffused Heads' training stage: published settings, options, first losses, and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.diffused_heads.losses import LIPS, VARIATIONAL
from models.diffused_heads.presets import PRESETS
from models.diffused_heads.recipes import RECIPES
from models.diffused_heads.training import FrameTraining, task
from models.training import fit
from toolkit.errors import InputError

# The debug network as the published one predicts: noise and its variance.
PUBLISHED_FORM = replace(
    PRESETS["unet"]["debug"], prediction="noise", network={**PRESETS["unet"]["debug"].network, "out_channels": 6}
)


@pytest.fixture
def silent(monkeypatch):
    """Training steps outside a trainer have nobody to log to; what they would log is kept."""
    logged = {}
    monkeypatch.setattr(FrameTraining, "log", lambda self, name, value: logged.update({name: value}))
    monkeypatch.setattr(FrameTraining, "log_dict", lambda self, values: logged.update(values))
    return logged


def test_published_training_is_plain_adam_whose_rate_drops():
    """Diffused Heads specification, section 6."""
    recipe = RECIPES["unet"]["published"]
    assert (recipe.learning_rate, recipe.weight_decay, recipe.batch_size) == (5e-5, 0, 10)
    assert (recipe.ema_decay, recipe.gradient_clip, recipe.precision) == (0, None, "32-true")
    assert recipe.lr_drops == 18
    assert recipe.lr_factor(0) == 1
    assert 5e-5 * recipe.lr_factor(recipe.steps - 1) == pytest.approx(9e-7, rel=0.01)
    assert (VARIATIONAL, LIPS, recipe.lip_weight) == (1e-4, 0.2, 0.2)
    assert (recipe.identity, recipe.lips) == ("random", "target")
    assert (recipe.motion_blurred, recipe.motion_noise, recipe.motion_dropped) == (False, 0, 0)


def test_published_training_sees_every_step_and_sampling_a_hundred():
    published = PRESETS["unet"]["published"]
    assert published.schedule().steps.tolist() == list(range(1000))
    assert (published.steps, published.sampler, published.prediction) == (100, "ancestral", "noise")
    kept = published.schedule(published.steps).steps
    assert (len(kept), kept[0], kept[-1]) == (100, 0, 999)


@pytest.mark.parametrize("name", PRESETS["unet"])
def test_every_preset_has_a_network_and_a_recipe(name):
    preset = PRESETS["unet"][name]
    with torch.device("meta"):
        network = preset.build(160)
        picture, t = torch.zeros(2, 3, preset.size, preset.size), torch.zeros(2, dtype=torch.long)
        answer = network(picture, t, picture, torch.cat([picture, picture], dim=1), torch.zeros(2, 5, 160))
    assert answer.shape == (2, 6 if name == "published" else 3, preset.size, preset.size)
    assert RECIPES["unet"][name].steps > 0


def test_options_override_the_recipe(make_clip):
    options = {
        "steps": 7,
        "batch_size": 3,
        "learning_rate": 0.5,
        "precision": "bf16-mixed",
        "identity": "first",
        "lips": "identity",
        "motion_blurred": True,
        "motion_noise": 0.0,
        "motion_dropped": 0.0,
        "speech_pooling": "mean",
    }
    job = task("unet", "debug", options, [make_clip("a", 4)])
    assert (job.steps, job.batch_size, job.precision) == (7, 3, "bf16-mixed")
    assert job.module.configure_optimizers()["optimizer"].param_groups[0]["initial_lr"] == 0.5
    recipe = job.data.recipe
    assert (recipe.identity, recipe.lips, recipe.motion_blurred) == ("first", "identity", True)
    assert recipe.motion_noise == recipe.motion_dropped == 0
    assert job.data.audio_width == job.module.network.audio_width == 80
    names = ("identity", "lips", "motion_noise", "speech_pooling", "learning_rate")
    assert {name: job.settings[name] for name in names} == {name: options[name] for name in names}


def test_without_options_the_recipe_holds(make_clip):
    clip = make_clip("a", 4)
    job = task("unet", "debug", {"steps": None, "identity": None, "motion_noise": None}, [clip])
    assert job.data.recipe == RECIPES["unet"]["debug"]
    assert job.module.network.audio_width == 160  # two rows of mel a frame, end to end
    assert set(job.files) == {clip["view"], clip["transform"], clip["speech"]}


def test_first_loss_of_noise_prediction(make_clip, silent):
    """A fresh network's last convolution is zero, so it foretells no noise: unit error everywhere, lips included."""
    torch.manual_seed(0)
    module = FrameTraining(PUBLISHED_FORM, RECIPES["unet"]["published"], 160)
    data = task("unet", "debug", {}, [make_clip("a", 10)]).data
    loss = module.training_step(data.batch(np.random.default_rng(0), 32), 0)
    assert silent["simple"].item() == pytest.approx(1, rel=0.02)
    assert silent["lips"].item() == pytest.approx(1, rel=0.1)
    assert silent["variational"] > 0
    parts = silent["simple"] + 1e-4 * silent["variational"] + 0.2 * silent["lips"]
    assert loss.item() == silent["loss"].item() == pytest.approx(parts.item())
    assert not silent["simple"].requires_grad


def test_first_loss_of_the_residual_is_how_far_the_identity_is(make_clip, silent):
    job = task("unet", "debug", {}, [make_clip("a", 10)])
    batch = job.data.batch(np.random.default_rng(0), 32)
    job.module.training_step(batch, 0)
    wanted = ((batch["target"] - batch["identity"]) ** 2).mean()
    assert silent["simple"].item() == pytest.approx(wanted.item(), rel=1e-5)


def test_the_network_sees_the_target_under_noise_of_its_step(make_clip, silent):
    """A network that answers zero has the mean square of the noise as its loss; that noise is what x shows beyond the target."""
    module = FrameTraining(PUBLISHED_FORM, RECIPES["unet"]["published"], 160)
    batch = task("unet", "debug", {}, [make_clip("a", 10)]).data.batch(np.random.default_rng(0), 32)
    given = []
    module.network.register_forward_pre_hook(lambda network, arguments: given.extend(arguments))
    module.training_step(batch, 0)
    x, t, identity, motion, audio = given
    assert t.unique().numel() > 25
    assert 0 <= t.min() < t.max() < 1000
    alpha_bar = module.schedule.alphas_cumprod[t][:, None, None, None]
    noise = (x - alpha_bar.sqrt() * batch["target"]) / (1 - alpha_bar).sqrt()
    assert noise.square().mean().item() == pytest.approx(silent["simple"].item(), rel=1e-3)
    for name, value in {"identity": identity, "motion": motion, "audio": audio}.items():
        assert torch.equal(value, batch[name])


def test_the_lip_weight_is_the_recipes(make_clip, silent):
    batch = task("unet", "debug", {}, [make_clip("a", 10)]).data.batch(np.random.default_rng(0), 4)
    found = []
    for weight in (0.0, 3.0):
        torch.manual_seed(0)
        module = FrameTraining(PUBLISHED_FORM, replace(RECIPES["unet"]["debug"], lip_weight=weight), 160)
        found.append(module.training_step(batch, 0).item())
    assert found[1] - found[0] == pytest.approx(3 * silent["lips"].item(), rel=1e-4)


@pytest.mark.parametrize("preset", [PUBLISHED_FORM, PRESETS["unet"]["debug"]], ids=["noise", "residual"])
def test_every_learnable_tensor_learns(make_clip, silent, preset):
    """A tensor without a gradient stalls data-parallel training."""
    module = FrameTraining(preset, RECIPES["unet"]["debug"], 160)
    batch = task("unet", "debug", {}, [make_clip("a", 6)]).data.batch(np.random.default_rng(0), 4)
    module.training_step(batch, 0).backward()
    assert not [name for name, value in module.named_parameters() if value.grad is None]


def test_training_starts_from_given_weights(make_clip, tmp_path):
    given = {name: value + 1 for name, value in PRESETS["unet"]["debug"].build(160).state_dict().items()}
    write_weights(tmp_path / "start.safetensors", given, {})
    clip, weights = make_clip("a", 4), {"initial": tmp_path / "start.safetensors"}
    job = task("unet", "debug", {}, [clip], weights)
    assert weights["initial"] in job.files
    for name, value in job.module.network.state_dict().items():
        assert torch.equal(value, given[name])
    with pytest.raises(InputError, match="audio_embed"):
        task("unet", "debug", {"speech_pooling": "mean"}, [clip], weights)


def test_the_small_preset_holds_clips_out(make_clip, monkeypatch):
    monkeypatch.setitem(PRESETS["unet"], "small", PRESETS["unet"]["debug"])
    clips = [make_clip("dark", 6, first=8), make_clip("light", 6, first=160)]
    job = task("unet", "small", {}, clips)
    (held,) = job.held_out
    light = [bool(data.batch(np.random.default_rng(0), 32)["target"].mean() > 0) for data in (job.data, job.validation)]
    assert light == [held == "dark", held == "light"]
    assert {path.stem for path in job.files} == {"dark", "light"}
    assert task("unet", "small", {"validation": 0}, clips).validation is None
    assert task("unet", "debug", {}, clips).validation is None


@pytest.mark.parametrize("preset", [PUBLISHED_FORM, PRESETS["unet"]["debug"]], ids=["noise", "residual"])
def test_pictures_show_the_frame_the_identity_and_what_is_sampled(make_clip, preset):
    module = FrameTraining(preset, RECIPES["unet"]["debug"], 160).eval()
    batch = task("unet", "debug", {}, [make_clip("a", 10)]).data.batch(np.random.default_rng(0), 3)
    torch.manual_seed(0)
    with torch.no_grad():
        rows = module.pictures(batch)
    assert rows.shape == (3, 3, 64, 64, 3)
    assert rows.dtype == np.uint8
    target, identity, made = rows.swapaxes(0, 1).astype(int)
    assert np.abs(target - identity).mean(axis=(1, 2, 3)).min() > 2
    # A fresh network answers with nothing: the identity itself, or what the noise alone says.
    assert (np.abs(made - identity).max() <= 1) == (preset.prediction == "residual_start")


def test_training_learns_one_clip(make_clip, tmp_path):
    """Frames that brighten from the first: who answers with the mean difference keeps 0.22 of the loss."""
    options = {"steps": 45, "batch_size": 4, "identity": "first", "motion_noise": 0.0, "motion_dropped": 0.0}
    torch.manual_seed(0)
    job = task("unet", "debug", options, [make_clip("a", 12)])
    batch = job.data.batch(np.random.default_rng(1), 32)

    def loss() -> float:
        torch.manual_seed(0)
        with torch.no_grad():
            return job.module(batch).item()

    before = loss()
    weights = fit(job, tmp_path, seed=0, accelerator="cpu")
    assert weights.keys() == PRESETS["unet"]["debug"].build(160).state_dict().keys()
    assert loss() < 0.15 * before


@pytest.mark.parametrize("form", ["published", "debug"])
def test_the_published_path_trains_too(make_clip, tmp_path, monkeypatch, form):
    """Noise with its variance, no running average: the weights that come back are those of the last step."""
    monkeypatch.setitem(PRESETS["unet"], "tiny", PUBLISHED_FORM if form == "published" else PRESETS["unet"]["debug"])
    monkeypatch.setitem(RECIPES["unet"], "tiny", RECIPES["unet"][form])
    job = task("unet", "tiny", {"steps": 3, "batch_size": 2}, [make_clip("a", 6)])
    start = {name: value.clone() for name, value in job.module.network.state_dict().items()}
    last = {}
    job.module.on_train_batch_end = lambda *_: last.update(
        {name: value.detach().clone() for name, value in job.module.network.named_parameters()}
    )
    weights = fit(job, tmp_path, seed=0, accelerator="cpu")
    assert all(value.isfinite().all() for value in weights.values())
    assert any(not torch.equal(weights[name], start[name]) for name in start)
    assert all(torch.equal(weights[name], last[name]) for name in last) == (form == "published")
