"""DiffTalk's training stages: first losses, options, helper networks, codes that begin anew, and one whole path."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.checkpoints import read_weights, write_weights
from models.difftalk import training
from models.difftalk.data import LatentData
from models.difftalk.encoding import encode
from models.difftalk.presets import PRESETS
from models.difftalk.recipes import RECIPES
from models.difftalk.sampling import load
from models.difftalk.training import LatentTraining, task
from models.perception.lpips import LPIPS
from models.training import fit
from tests.small_clips import pictures, with_files

FEW = {"steps": 3, "batch_size": 2}


@pytest.fixture
def clips(make_clip):
    return [make_clip(name, frames) for name, frames in (("a", 12), ("b", 10))]


@pytest.fixture
def with_latents(clips, tmp_path):
    """Clips whose latents are anything."""
    random = torch.Generator().manual_seed(0)
    for clip in clips:
        shape = (len(clip.ok), 6, 16, 16)
        latents = {name: torch.randn(shape, generator=random).half() for name in ("image", "masked")}
        save_file(latents, tmp_path / f"{clip.name}.safetensors")
    return [with_files(clip, latents=tmp_path / f"{clip.name}.safetensors") for clip in clips]


@pytest.fixture
def perceptual(monkeypatch, tmp_path):
    """A `debug` preset that learns with LPIPS, and random weights of that."""
    preset = replace(PRESETS["first_stage"]["debug"], perceptual=0.5)
    monkeypatch.setitem(training.PRESETS["first_stage"], "debug", preset)
    torch.manual_seed(0)
    write_weights(tmp_path / "lpips_vgg.safetensors", LPIPS("vgg").state_dict(), {})
    return {"lpips_vgg": tmp_path / "lpips_vgg.safetensors"}


@pytest.mark.parametrize(("prediction", "expected"), [("noise", 1.0), ("start", 1.0), ("residual_start", 2.0)])
def test_first_loss_is_the_power_of_what_is_to_be_predicted(with_latents, prediction, expected):
    preset = replace(PRESETS["unet"]["debug"], prediction=prediction)
    module = LatentTraining(preset, RECIPES["unet"]["debug"], 80, None)  # its last convolution starts at zero
    batch = LatentData(with_latents).batch(np.random.default_rng(0), 16)
    torch.manual_seed(0)
    assert module(batch).item() == pytest.approx(expected, rel=0.05)


def test_every_tensor_of_the_network_learns(with_latents):
    job = task("unet", "debug", {}, with_latents)
    batch = job.data.batch(np.random.default_rng(0), 8)
    for parameter in job.module.parameters():  # some start as zeros, and pass no gradient on
        parameter.data += 0.02
    job.module(batch).backward()
    idle = ("norm2.weight", "norm2.bias", "attn2.to_q.weight", "attn2.to_k.weight")  # a single token needs none of them
    for name, parameter in job.module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any() != name.endswith(idle), name


def test_checkpointed_gradients_are_the_same(with_latents):
    gradients = []
    for recomputed in (False, True):
        torch.manual_seed(0)
        job = task("unet", "debug", {"gradient_checkpointing": recomputed}, with_latents)
        assert job.module.network.unet.recompute == recomputed
        batch = job.data.batch(np.random.default_rng(0), 4)
        torch.manual_seed(1)
        job.module(batch).backward()
        gradients.append([parameter.grad for parameter in job.module.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_the_unet_alone_is_averaged(with_latents):
    assert task("unet", "debug", {}, with_latents).averaged == ("network.unet",)


def test_the_first_stage_learns_with_lpips_and_against_a_discriminator(clips, perceptual, monkeypatch, tmp_path):
    recipe = replace(RECIPES["first_stage"]["debug"], adversarial_from=0)
    monkeypatch.setitem(training.RECIPES["first_stage"], "debug", recipe)
    job = task("first_stage", "debug", FEW, clips, perceptual)
    before = {name: value.clone() for name, value in job.module.state_dict().items()}
    fit(job, tmp_path / "run", seed=0, accelerator="cpu")
    after = job.module.state_dict()
    for part in (
        "network.encoder.conv_in.weight",
        "network.decoder.conv_out.weight",
        "discriminators.patches.model0.0.weight",
    ):
        assert not torch.equal(before[part], after[part]), part
    assert not any(name.startswith("perceptual") for name in after), "frozen helpers are not saved"


def test_codes_that_are_not_used_begin_where_latents_are(clips, tmp_path):
    torch.manual_seed(0)
    job = task("first_stage", "debug", {"steps": 12, "batch_size": 2}, clips)
    codes = job.module.network.quantize.embedding.weight
    assert codes.abs().max() < 1e-2, "fresh codes lie close together"
    fit(job, tmp_path / "run", seed=0, accelerator="cpu")
    batch = job.data.batch(np.random.default_rng(0), 8)
    with torch.no_grad():
        latents = job.module.network.encode(batch["image"])
    assert codes.std(dim=0).mean() > 0.2 * latents.std()


def test_both_stages_train_show_pictures_and_sample(clips, tmp_path):
    torch.manual_seed(0)
    weights = {}
    for stage in ("first_stage", "unet"):
        if stage == "unet":
            for clip in clips:
                save_file(encode(weights, "debug", clip, "cpu"), tmp_path / f"{clip.name}.safetensors")
            clips = [with_files(clip, latents=tmp_path / f"{clip.name}.safetensors") for clip in clips]
        job = task(stage, "debug", {**FEW, "validation": 0.5, "validate_every": 3}, clips, weights)
        assert len(job.held_out) == 1
        trained = fit(job, tmp_path / stage, seed=0, accelerator="cpu")
        assert sorted(path.name for path in (tmp_path / stage / "pictures").iterdir()) == [
            "step_000000.png",
            "step_000003.png",
        ]
        write_weights(tmp_path / f"{stage}.safetensors", trained, {})
        weights[stage] = tmp_path / f"{stage}.safetensors"
    options = {"steps": 2, "sampler": "ddim", "noise": None, "beyond": "hold", "batch_size": 4, "precision": "float32"}
    sampler = load(weights, "debug", {**options, "reference_frame": None, "progressive": False}, "cpu")
    assert pictures(sampler, clips[0], np.zeros((20, 80)), 10, 0).shape == (10, 64, 64, 3)
    assert "audio.encoder_conv.0.weight" in read_weights(weights["unet"])
