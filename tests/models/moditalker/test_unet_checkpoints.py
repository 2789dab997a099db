"""The published file of MToV's UNet, made here with all published names and shapes and next to no content: none is at hand."""

import pytest
import torch
from torch import Tensor

from models.checkpoints import published_shapes
from models.moditalker.checkpoints import convert, unet_width
from models.moditalker.unet import PlaneUNet
from toolkit.errors import InputError


def published(width: int) -> dict[str, Tensor]:
    """Tensors of the whole file, each one number on the disk: those in use by their place, those without use -1."""
    shapes = published_shapes(PlaneUNet, width=width)
    used = {f"diffusion_model.{name}": stub(shape, place) for place, (name, shape) in enumerate(shapes.items())}
    names = ("output_bg_blocks.2.1.in_layers.0.weight", "output_bg_attns.0.norm.bias", "zeros")
    return used | {f"diffusion_model.{name}": stub((4,), -1) for name in names}


def stub(shape: tuple[int, ...], value: float) -> Tensor:
    return torch.full((), float(value)).expand(shape)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("width", [128, 256])
def test_network_of_a_published_file(tmp_path, width, prefix):
    torch.save({prefix + name: value for name, value in published(width).items()}, tmp_path / "diffusion_model.pth")
    weights = convert("mtov", tmp_path / "diffusion_model.pth")
    assert unet_width(weights) == width
    shapes = published_shapes(PlaneUNet, width=width)
    assert {name: tuple(value.shape) for name, value in weights.items()} == shapes
    assert [value.flatten()[0].item() for value in weights.values()] == list(range(len(shapes)))


def test_names_that_do_not_fit_are_named(tmp_path):
    tensors = published(128) | {"diffusion_model.more.weight": torch.zeros(1)}
    del tensors["diffusion_model.out.2.bias"]
    torch.save(tensors, tmp_path / "diffusion_model.pth")
    with pytest.raises(InputError, match=r"1 missing \(out\.2\.bias\); 1 unexpected \(more\.weight\)"):
        convert("mtov", tmp_path / "diffusion_model.pth")


@pytest.mark.parametrize("width", [2, 7])
def test_a_width_that_no_network_has_is_refused(tmp_path, width):
    tensors = published(128) | {"diffusion_model.time_embed.0.weight": torch.zeros(4 * width, width)}
    torch.save(tensors, tmp_path / "diffusion_model.pth")
    with pytest.raises(InputError, match=r"diffusion_model\.pth: has shapes that no network has"):
        convert("mtov", tmp_path / "diffusion_model.pth")


def test_other_files_are_refused(tmp_path):
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "autoencoder_rgb.pth")
    with pytest.raises(InputError, match=r"autoencoder_rgb\.pth: holds no diffusion_model\.\*"):
        convert("mtov", tmp_path / "autoencoder_rgb.pth")
