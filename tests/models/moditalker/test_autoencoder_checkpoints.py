"""MoDiTalker's published auto-encoders, made here with all names and shapes and next to no content: none is at hand."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.moditalker.autoencoder import VideoAutoencoder
from models.moditalker.checkpoints import PUBLISHED, convert
from models.moditalker.timesformer import space_scales, time_frequencies
from toolkit.errors import InputError

CASE = Path(__file__).parents[4] / "shared/parity/moditalker/mtov_autoencoder/case.json"


@pytest.fixture
def published() -> dict[str, Tensor]:
    """Every tensor of one number that no other has, the computed buffers as they are."""
    with torch.device("meta"):
        names = {name: value.shape for name, value in VideoAutoencoder().state_dict().items()}
    tensors = {name: torch.full((), float(n)).expand(shape) for n, (name, shape) in enumerate(names.items())}
    for part in ("encoder", "decoder"):
        tensors[f"{part}.frame_rot_emb.inv_freqs"] = time_frequencies(64)
        tensors[f"{part}.image_rot_emb.scales"] = space_scales(64)
    return tensors | {"coords": torch.linspace(-1, 1, 16)[:, None]}


@pytest.fixture
def save(tmp_path):
    def write(tensors: dict[str, Tensor]) -> Path:
        torch.save(tensors, tmp_path / "autoencoder_rgb.pth")
        return tmp_path / "autoencoder_rgb.pth"

    return write


def test_every_published_name_and_shape_is_known(published):
    if not CASE.exists():
        pytest.skip("the parity cases are not here")
    tensors = json.loads(CASE.read_text())["tensors"]
    assert {name: tuple(value.shape) for name, value in published.items()} == {
        name: tuple(entry["shape"]) for name, entry in tensors.items()
    }


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_published_file_fits_the_network(save, published, prefix):
    weights = convert("rgb_autoencoder", save({prefix + name: value for name, value in published.items()}))
    with torch.device("meta"):
        VideoAutoencoder().load_state_dict({name: value.to("meta") for name, value in weights.items()}, strict=True)
    assert all(torch.equal(value, published[name]) for name, value in weights.items())


def test_other_angles_are_refused(save, published):
    published["decoder.image_rot_emb.scales"] = space_scales(64) * 1.001
    with pytest.raises(InputError, match=r"other positions .*decoder\.image_rot_emb\.scales"):
        convert("rgb_autoencoder", save(published))


def test_names_that_do_not_fit_are_named(save, published):
    published["xy_token"] = torch.zeros(1, 1, 5)
    del published["pre_yt.bias"]
    with pytest.raises(InputError, match=r"1 missing \(pre_yt\.bias\).*xy_token is \(1, 1, 5\) and not \(1, 1, 384\)"):
        convert("rgb_autoencoder", save(published))


def test_both_stages_of_pictures_take_the_same_file():
    assert PUBLISHED["rgb_autoencoder"] == PUBLISHED["rgb_autoencoder_gan"] != PUBLISHED["motion_autoencoder"]
