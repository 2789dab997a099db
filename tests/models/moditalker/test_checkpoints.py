"""MoDiTalker's published files, made here with all their names and shapes and next to no content: none is at hand."""

import pytest
import torch
from torch import Tensor

from models.checkpoints import published_shapes
from models.moditalker.atom import MotionDecoder
from models.moditalker.checkpoints import convert
from toolkit.errors import InputError

FREQUENCIES = torch.tensor([10_000 ** (-2 * index / 512) for index in range(256)])
BESIDES = {
    "input_projection.weight": (512, 204),
    "pos_encoder.0.self_attn.in_proj_weight": (1536, 512),
    "face_mlp.0.weight": (512, 512),
    "seqTransDecoder.stack.7.linear2.bias": (512,),
}


def atom(shift: int = 0) -> dict[str, Tensor]:
    """Every tensor one number that no other has, on the disk too."""
    shapes = {**published_shapes(MotionDecoder), **BESIDES}
    tensors = {
        name: torch.full((), float(number + shift)).expand(shape) for number, (name, shape) in enumerate(shapes.items())
    }
    return tensors | {f"{part}rotary.freqs": FREQUENCIES for part in ("", "cond_encoder.0.", "pos_encoder.1.")}


@pytest.fixture
def save(tmp_path):
    """Writes what the published training writes of a model and of its average."""

    def write(model: dict[str, Tensor], average: dict[str, Tensor]):
        optimizer = {"state": {0: {"step": 4, "exp_avg": torch.zeros(2)}}, "param_groups": [{"restart_cond": None}]}
        content = {"ema_state_dict": average, "model_state_dict": model, "optimizer_state_dict": optimizer}
        torch.save(content, tmp_path / "atom.pt")
        return tmp_path / "atom.pt"

    return write


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("averaged", [False, True])
def test_atom_in_use_and_no_more(save, prefix, averaged):
    model, average = atom(), atom(shift=1000)
    path = save(*({prefix + name: value for name, value in tensors.items()} for tensors in (model, average)))
    weights = convert("atom", path, averaged=averaged)
    with torch.device("meta"):
        MotionDecoder().load_state_dict({name: value.to("meta") for name, value in weights.items()}, strict=True)
    for name, value in weights.items():
        assert value.flatten()[-1] == (average if averaged else model)[name].flatten()[-1], name


def test_the_last_weights_are_taken_where_nothing_is_said(save):
    name = "final_layer.bias"
    assert convert("atom", save(atom(), atom(shift=1000)))[name][0] == atom()[name][0]


def test_another_network_is_refused(save):
    lacking = {name: value for name, value in atom().items() if name != "final_layer.bias"}
    with pytest.raises(InputError, match=r"1 missing \(final_layer.bias\)"):
        convert("atom", save(lacking, lacking))
    with pytest.raises(InputError, match=r"1 unexpected \(surplus\)"):
        convert("atom", save(atom() | {"surplus": torch.zeros(1)}, atom()))
    with pytest.raises(InputError, match=r"cond_projection.weight is \(512, 80\) and not \(512, 1024\)"):
        convert("atom", save(atom() | {"cond_projection.weight": torch.zeros(512, 80)}, atom()))


def test_other_positions_are_refused(save):
    with pytest.raises(InputError, match=r"other positions \(cond_encoder.0.rotary.freqs differ\)"):
        convert("atom", save(atom() | {"cond_encoder.0.rotary.freqs": FREQUENCIES + 2e-5}, atom()))
