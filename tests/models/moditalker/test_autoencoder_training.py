"""The auto-encoders' three stages: losses, what learns, where it starts, and one whole path."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.checkpoints import read_weights, write_weights
from models.moditalker import autoencoder_training
from models.moditalker.autoencoder_training import (
    STARTS_FROM,
    AutoencoderTraining,
    any_frames,
    autoencoder_task,
    frames,
    judgement,
)
from models.moditalker.presets import PRESETS
from models.moditalker.recipes import RECIPES
from models.perception.lpips import LPIPS
from models.training import fit

FEW = {"steps": 2, "batch_size": 2}
TINY = {"channels": 24, "heads": 2, "head_width": 8, "plane_depth": 1, "plane_hidden": 16, "latent_channels": 6}


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    """`debug` is yet smaller here."""
    for stage in STARTS_FROM:
        presets = PRESETS[stage]
        network = {"size": 16, "frames": 4, "patch": 4, "depth": 1, **TINY}
        debug = replace(presets["debug"], network=network, judges=4)
        monkeypatch.setitem(PRESETS, stage, {**presets, "debug": debug})


@pytest.fixture
def clips(make_clip):
    return [make_clip(name, frames) for name, frames in (("a", 12), ("b", 10))]


@pytest.fixture
def random_start(monkeypatch):
    """A `debug` preset without components, whose first loss is larger, and its name."""
    for stage in STARTS_FROM:
        monkeypatch.setitem(
            PRESETS, stage, {**PRESETS[stage], "debug": replace(PRESETS[stage]["debug"], components=False)}
        )


def batch_of(job, size=2):
    return job.data.batch(np.random.default_rng(0), size)


def test_a_frame_is_taken_from_each_clip():
    video = torch.arange(2 * 5.0).view(2, 1, 5, 1, 1).expand(-1, 3, -1, 4, 4)
    assert frames(video, torch.tensor([3, 0]))[:, 0, 0, 0].tolist() == [3.0, 5.0]
    assert set(any_frames(torch.empty(200, 3, 5, 1, 1)).tolist()) == set(range(5))


def test_the_loss_is_of_the_published_parts(clips, monkeypatch):
    job = autoencoder_task("rgb_autoencoder_gan", "debug", {}, clips)
    module, batch = job.module, batch_of(job)
    plain = module(batch)
    with torch.no_grad():
        unlike = (module.network(batch["video"]) - batch["video"]).square().mean()
    torch.testing.assert_close(plain, 4 * unlike)
    for adversarial in (False, True):
        monkeypatch.setattr(AutoencoderTraining, "adversarial", adversarial)
        torch.manual_seed(0)
        loss, parts = module.generator_loss(batch), module.parts
        assert parts.keys() == {"pixels", "adversarial", "matching"} if adversarial else {"pixels"}
        expected = 4 * parts["pixels"] + parts.get("adversarial", 0) + 4 * parts.get("matching", 0)
        torch.testing.assert_close(loss, expected)


def test_discriminators_that_say_nothing_lose_one_each(clips):
    job = autoencoder_task("rgb_autoencoder_gan", "debug", {}, clips)
    for judge in job.module.discriminators.values():
        torch.nn.init.zeros_(judge.model4[0].weight)
        torch.nn.init.zeros_(judge.model4[0].bias)
    video = batch_of(job)["video"]
    assert judgement(job.module.discriminators, video, -video, any_frames(video)).item() == 2
    assert job.module.discriminator_loss({"video": video}).item() == 2


def test_published_turns():
    recipe = RECIPES["rgb_autoencoder_gan"]["published"]
    module = AutoencoderTraining(PRESETS["rgb_autoencoder_gan"]["debug"], recipe, None)
    assert [module.generator_learns(step) for step in range(4)] == [True, False, True, False]
    assert [module.discriminators_learn(step) for step in range(4)] == [False, True, False, True]
    assert recipe.accumulate == 3
    assert recipe.patience
    alone = AutoencoderTraining(PRESETS["rgb_autoencoder"]["debug"], RECIPES["rgb_autoencoder"]["published"], None)
    assert all(alone.generator_learns(step) and not alone.discriminators_learn(step) for step in range(100))


@pytest.mark.usefixtures("random_start")
def test_it_starts_from_the_weights_that_come_before(clips, tmp_path):
    weights = {}
    for stage, fill in (("rgb_autoencoder", 0.25), ("rgb_autoencoder_gan", 0.5), ("initial", 0.75)):
        network = PRESETS["rgb_autoencoder"]["debug"].build()
        torch.nn.init.constant_(network.pre_xy.bias, fill)
        weights[stage] = tmp_path / f"{stage}.safetensors"
        write_weights(weights[stage], network.state_dict(), {})

    def started(stage: str, *names: str) -> float:
        job = autoencoder_task(stage, "debug", {}, clips, {name: weights[name] for name in names})
        return job.module.network.pre_xy.bias[0].item()

    assert started("rgb_autoencoder", "rgb_autoencoder_gan") not in (0.25, 0.5, 0.75)
    assert started("rgb_autoencoder_gan", "rgb_autoencoder") == 0.25
    assert started("motion_autoencoder", "rgb_autoencoder") == 0.25
    assert started("motion_autoencoder", "rgb_autoencoder", "rgb_autoencoder_gan") == 0.5
    assert started("motion_autoencoder", "rgb_autoencoder", "initial") == 0.75


def test_it_starts_from_components_where_there_is_nothing_better(clips, request):
    batch = batch_of(job := autoencoder_task("rgb_autoencoder", "debug", {}, clips))
    assert job.module(batch).item() < 0.3
    request.getfixturevalue("random_start")
    assert autoencoder_task("rgb_autoencoder", "debug", {}, clips).module(batch).item() > 0.5


def test_it_learns_with_lpips(clips, monkeypatch, tmp_path):
    preset = replace(PRESETS["rgb_autoencoder"]["debug"], perceptual=4.0)
    monkeypatch.setitem(autoencoder_training.PRESETS, "rgb_autoencoder", {"debug": preset})
    write_weights(tmp_path / "lpips_vgg.safetensors", LPIPS("vgg").state_dict(), {})
    job = autoencoder_task("rgb_autoencoder", "debug", {}, clips, {"lpips_vgg": tmp_path / "lpips_vgg.safetensors"})
    loss = job.module(batch_of(job))
    assert job.module.parts.keys() == {"pixels", "perceptual"}
    torch.testing.assert_close(loss, 4 * job.module.parts["pixels"] + 4 * job.module.parts["perceptual"])
    assert not any("perceptual" in name for name in job.module.state_dict()), "frozen helpers are not saved"


def test_all_stages_train_one_after_the_other(clips, tmp_path):
    weights, trained = {}, {}
    for stage in ("rgb_autoencoder", "rgb_autoencoder_gan", "motion_autoencoder"):
        job = autoencoder_task(stage, "debug", {**FEW, "validation": 0.5, "validate_every": 2}, clips, weights)
        assert len(job.held_out) == 1
        judges = [value.clone() for value in job.module.discriminators.parameters()]
        trained[stage] = fit(job, tmp_path / stage, seed=0, accelerator="cpu")
        learnt = [not torch.equal(*pair) for pair in zip(judges, job.module.discriminators.parameters(), strict=True)]
        assert any(learnt) == (stage == "rgb_autoencoder_gan")
        assert len(list((tmp_path / stage / "pictures").iterdir())) == 2
        weights[stage] = tmp_path / f"{stage}.safetensors"
        write_weights(weights[stage], trained[stage], {})
    first, gan, motion = (read_weights(weights[stage]) for stage in weights)
    assert not torch.equal(first["encoder.to_patch_embedding.weight"], gan["encoder.to_patch_embedding.weight"])
    for name, value in motion.items():
        assert torch.equal(value, gan[name]) == name.startswith("decoder."), name
