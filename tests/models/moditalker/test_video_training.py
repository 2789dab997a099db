"""Training of MToV's UNet: first losses, what learns, how it is averaged, what is shown, and that it learns."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.checkpoints import write_weights
from models.moditalker.encoding import load_autoencoder
from models.moditalker.latent_data import ClipLatents
from models.moditalker.presets import PRESETS
from models.moditalker.recipes import RECIPES
from models.moditalker.unet import PlaneUNet
from models.moditalker.video_training import ClipTraining, mtov_task
from models.system import Clip
from models.training import Frozen, fit
from tests.models.moditalker.tiny_clips import FRAMES, PLACES, TinyAutoEncoder

POSITIONS = PLACES**2 + 2 * FRAMES * PLACES
NETWORK = {"size": PLACES, "frames": FRAMES, "channels": 3, "width": 16, "multipliers": (1, 2), "attention": ()}
NETWORK |= {"blocks": 1, "heads": 2, "groups": 4}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """The network of `debug` at the size of the tiny auto-encoder."""
    monkeypatch.setitem(PRESETS["mtov"], "debug", replace(PRESETS["mtov"]["debug"], network=NETWORK))


@pytest.fixture
def clips(tmp_path) -> list[Clip]:
    """Videos whose latents are the noise of their landmarks and the reference of their video, but for a little."""
    random, found = torch.Generator().manual_seed(0), []
    for name in "ab":
        landmarks, other = torch.randn(2, 20, 3, POSITIONS, generator=random)
        reference = torch.randn(1, 3, POSITIONS, generator=random).expand(20, -1, -1)
        image = 0.5 * reference + 0.2 * landmarks
        table = {"image": image, "masked": other, "landmarks": landmarks, "reference": reference}
        path = tmp_path / f"{name}.safetensors"
        save_file({part: value.half() for part, value in table.items()} | {"starts": torch.arange(20)}, path)
        found.append(Clip(name, {"latents": path}))
    return found


@pytest.mark.parametrize("prediction", ["noise", "start", "residual_start"])
def test_first_loss_is_the_power_of_what_is_to_be_predicted(clips, prediction):
    preset = replace(PRESETS["mtov"]["debug"], prediction=prediction)
    module = ClipTraining(preset, RECIPES["mtov"]["debug"], None)  # its last convolution starts at zero
    batch = ClipLatents(clips).batch(np.random.default_rng(0), 64)
    image, base = batch["image"], batch["reference"]
    expected = {"noise": torch.ones(1), "start": image, "residual_start": image - base}[prediction].square().mean()
    torch.manual_seed(0)
    assert module(batch).item() == pytest.approx(expected.item(), rel=0.03)


def test_every_tensor_of_the_network_learns(clips):
    job = mtov_task("mtov", "debug", {}, clips)
    for parameter in job.module.parameters():  # some start as zeros, and pass no gradient on
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    job.module(job.data.batch(np.random.default_rng(0), 8)).backward()
    assert [name for name, parameter in job.module.named_parameters() if not parameter.grad.any()] == []


def test_published_training_is_averaged_every_25_steps(clips, monkeypatch):
    monkeypatch.setitem(PRESETS["mtov"], "published", replace(PRESETS["mtov"]["published"], network=NETWORK))
    job = mtov_task("mtov", "published", {"validation": 0}, clips)
    assert (job.ema_every, job.ema_warmup, job.ema_decay, job.batch_size) == (25, True, 0.9999, 10)
    assert job.module.prediction == "noise"
    assert job.data.reference == "own"


def test_it_learns_and_shows_what_it_makes(clips, tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "rgb_autoencoder", {"debug": SimpleNamespace(build=TinyAutoEncoder)})
    write_weights(tmp_path / "rgb.safetensors", TinyAutoEncoder().state_dict(), {})
    load_autoencoder.cache_clear()
    options = {"steps": 20, "batch_size": 8, "validation": 0.5, "validate_every": 20}
    torch.manual_seed(0)
    job = mtov_task("mtov", "debug", options, clips, {"rgb_autoencoder": tmp_path / "rgb.safetensors"})
    assert len(job.held_out) == 1
    torch.manual_seed(0)
    batch = job.data.batch(np.random.default_rng(0), 32)
    before = job.module(batch).item()
    weights = fit(job, tmp_path / "run", seed=0, accelerator="cpu")
    PlaneUNet(**NETWORK).load_state_dict(weights)
    torch.manual_seed(0)
    assert job.module(batch).item() < 0.7 * before
    shown = sorted(path.name for path in (tmp_path / "run/pictures").iterdir())
    assert shown == ["step_000000.png", "step_000020.png"]


def test_pictures_are_the_clip_its_reference_what_is_known_and_what_is_made(clips):
    module = ClipTraining(PRESETS["mtov"]["debug"], RECIPES["mtov"]["debug"], Frozen(TinyAutoEncoder()))
    batch = {name: value.clamp(-1, 1) for name, value in ClipLatents(clips).batch(np.random.default_rng(0), 2).items()}
    with torch.no_grad():
        pictures = module.eval().pictures(batch)
    assert pictures.shape == (2, 4, 16, 16, 3)
    # A fresh network answers nothing, and what it makes is then its base, the reference.
    np.testing.assert_array_equal(pictures[:, 3], pictures[:, 1])
    for row in pictures:
        assert len(np.unique(row[:3].reshape(3, -1), axis=0)) == 3
