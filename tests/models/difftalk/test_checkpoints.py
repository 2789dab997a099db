"""DiffTalk's checkpoints, made here with all published names and shapes and next to no content: none is at hand."""

import json
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from models.checkpoints import published_shapes
from models.difftalk.checkpoints import PUBLISHED, average_name, convert, trained_name, training_shapes
from models.difftalk.first_stage import FirstStage
from models.difftalk.network import DiffTalkNetwork
from models.diffusion import linear_schedule, scaled_linear_schedule
from models.diffusion.buffers import buffers
from toolkit.errors import InputError

NAMES = json.loads((Path(__file__).parents[2] / "parity/difftalk/checkpoint/state_dict.json").read_text())["tensors"]


def stub(shape: list[int], value: float) -> Tensor:
    """A tensor of that shape that is one number on the disk."""
    return torch.full((), float(value)).expand(shape)


@pytest.fixture(scope="module")
def trained() -> dict[str, Tensor]:
    """All 1625 tensors, each of one number that no other has; the schedule as it is."""
    tensors = {name: stub(entry["shape"], number) for number, (name, entry) in enumerate(NAMES.items())}
    return tensors | {name: table.float() for name, table in buffers(scaled_linear_schedule()).items()}


@pytest.fixture
def save(tmp_path):
    """Writes a Lightning 1.2 checkpoint, whose callbacks have a class for their key."""
    module = ModuleType("absent_lightning")
    kind = type("ModelCheckpoint", (), {"__module__": module.__name__})
    module.ModelCheckpoint = kind

    def write(tensors: dict[str, Tensor], name: str = "last.ckpt") -> Path:
        content = {
            "epoch": 99,
            "pytorch-lightning_version": "1.2.5",
            "state_dict": tensors,
            "callbacks": {kind: {"best_model_score": torch.tensor(0.5), "monitor": "val/loss_simple_ema"}},
            "optimizer_states": [{"state": {0: {"step": 1, "exp_avg": torch.zeros(2)}}, "param_groups": []}],
        }
        sys.modules[module.__name__] = module
        torch.save(content, tmp_path / name)
        del sys.modules[module.__name__]
        return tmp_path / name

    return write


def number(tensor: Tensor) -> float:
    return tensor.flatten()[-1].item()


def test_every_name_and_shape_of_a_training_is_known():
    assert len(NAMES) == 1625
    assert training_shapes() == {name: tuple(entry["shape"]) for name, entry in NAMES.items()}
    averages = {name: entry["of"] for name, entry in NAMES.items() if "of" in entry}
    unet = [name for name in published_shapes(DiffTalkNetwork) if name.startswith("unet.")]
    assert {average_name(name): trained_name(name) for name in unet} == averages
    assert len(averages) == 688


@pytest.mark.parametrize("averaged", [True, False])
def test_network_of_a_training(save, trained, averaged):
    weights = convert("unet", save(trained), averaged=averaged)
    with torch.device("meta"):
        DiffTalkNetwork().load_state_dict({name: value.to("meta") for name, value in weights.items()}, strict=True)
    for name, value in weights.items():
        source = average_name(name) if averaged and name.startswith("unet.") else trained_name(name)
        assert number(value) == number(trained[source]), name


def test_the_average_is_taken_unless_said(save, trained):
    assert number(convert("unet", save(trained))["unet.out.2.bias"]) == number(
        trained["model_ema.diffusion_modelout2bias"]
    )


def test_without_an_average_the_network_alone_can_be_had(save, trained):
    path = save({name: value for name, value in trained.items() if not name.startswith("model_ema.")})
    assert len(convert("unet", path, averaged=False)) == 688 + 30
    with pytest.raises(InputError, match=r"last\.ckpt: .* 690 missing \(model_ema\."):
        convert("unet", path)


def test_first_stage_of_a_training(save, trained):
    weights = convert("first_stage", save(trained))
    assert weights.keys() == published_shapes(FirstStage).keys()
    assert all(number(value) == number(trained[f"first_stage_model.{name}"]) for name, value in weights.items())


@pytest.fixture
def vq_f4() -> dict[str, Tensor]:
    """The published first stage, with parts of its training's loss."""
    shapes = published_shapes(FirstStage)
    tensors = {name: stub(list(shape), place) for place, (name, shape) in enumerate(shapes.items())}
    return tensors | {"loss.perceptual_loss.lin0.model.1.weight": torch.zeros(1), "loss.discriminator.a": torch.ones(2)}


@pytest.mark.parametrize("zipped", [True, False])
def test_published_first_stage(save, vq_f4, zipped, tmp_path):
    path = save(vq_f4, "model.ckpt")
    if zipped:
        with zipfile.ZipFile(tmp_path / "vq-f4.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.yaml", "model: {}")
            archive.write(path, "model.ckpt")
        path.unlink()
        path = tmp_path / "vq-f4.zip"
    weights = convert("first_stage", path)
    assert weights.keys() == published_shapes(FirstStage).keys()
    assert all(number(value) == number(vq_f4[name]) for name, value in weights.items())


def test_unusable_archives_are_refused(save, vq_f4, tmp_path):
    path = tmp_path / "vq-f4.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.yaml", "model: {}")
    with pytest.raises(InputError, match=r"vq-f4\.zip: holds no model\.ckpt"):
        convert("first_stage", path)
    path.write_bytes(b"<html>Please log in</html>")
    with pytest.raises(InputError, match=r"vq-f4\.zip: cannot be read as a checkpoint"):
        convert("first_stage", path)


def test_another_schedule_is_refused(save, trained):
    other = {name: table.float() for name, table in buffers(linear_schedule()).items()}
    with pytest.raises(
        InputError, match=r"last\.ckpt: was trained with another noise schedule \(betas, alphas_cumprod"
    ):
        convert("unet", save(trained | other))


def test_names_that_do_not_fit_are_named(save, trained):
    tensors = dict(trained)
    tensors["cond_stage_model_for_lip.a"] = torch.zeros(1)
    tensors["model.diffusion_model.out.2.bias"] = torch.zeros(6)
    del tensors["cond_stage_model_for_ldm.encoder_fc1.4.bias"]
    with pytest.raises(InputError) as caught:
        convert("unet", save(tensors))
    for text in (
        "1 missing (cond_stage_model_for_ldm.encoder_fc1.4.bias)",
        "1 unexpected (cond_stage_model_for_lip.a)",
        "model.diffusion_model.out.2.bias is (6,) and not (3,)",
    ):
        assert text in str(caught.value)


def test_other_files_are_refused(save, trained, vq_f4):
    with pytest.raises(InputError, match=r"model\.ckpt: is no checkpoint of DiffTalk's training"):
        convert("unet", save(vq_f4, "model.ckpt"))
    del vq_f4["quantize.embedding.weight"]
    with pytest.raises(InputError, match=r"model\.ckpt: .* 1 missing \(quantize\.embedding\.weight\)"):
        convert("first_stage", save(vq_f4, "model.ckpt"))


def test_a_training_stands_in_for_a_first_stage_that_is_not_there():
    assert set(PUBLISHED["unet"].names) < set(PUBLISHED["first_stage"].names)
