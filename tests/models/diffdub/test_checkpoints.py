"""DiffDub's published files, made here from their names (specification, section 9): no published file is at hand."""

import resource
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from models.checkpoints import load_weights, published_shapes, read_weights, write_weights
from models.diffdub.checkpoints import PUBLISHED, convert, from_diffae, kind
from models.diffdub.renderer import Renderer
from models.diffdub.sequence import SequenceGenerator
from toolkit.errors import InputError
from toolkit.files import read_json

FORMS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
FIRST = "input_blocks.0.0.weight"
CASES = Path(__file__).parents[2] / "parity/diffdub"


def published_names(network: str) -> dict[str, tuple[int, ...]]:
    tensors = read_json(CASES / network / "case.json")["tensors"]
    return {name: tuple(entry["shape"]) for name, entry in tensors.items()}


def expanded(shapes: dict[str, tuple[int, ...]], value: float) -> dict[str, Tensor]:
    """Tensors of full shape whose memory, and place in a file, is one number each."""
    return {
        name: torch.full((1,), int(value) if name.endswith("num_batches_tracked") else value).expand(shape)
        if shape
        else torch.tensor(int(value))
        for name, shape in shapes.items()
    }


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in tensors.items()}


def stage1(*, channels: int = 6) -> dict[str, Tensor]:
    """The renderer's file: raw weights 1, EMA weights 2, and the noise buffer."""
    shapes = {**published_shapes(Renderer), FIRST: (128, channels, 3, 3)}
    raw, ema = expanded(shapes, 1.0), expanded(shapes, 2.0)
    return {
        **with_prefix("model.", raw),
        **with_prefix("ema_model.", ema),
        "x_T": torch.zeros(1).expand(32, 3, 256, 256),
    }


def stage2() -> dict[str, Tensor]:
    return with_prefix("seq2seq.", expanded(published_shapes(SequenceGenerator), 3.0))


@pytest.fixture
def lightning(tmp_path):
    """Writes a full Lightning 1.4 checkpoint, whose callbacks are keyed by a class that the reader does not have."""
    module = ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    keyed = type("ModelCheckpoint", (), {"__module__": module.__name__})
    module.ModelCheckpoint = keyed

    def write(name: str, tensors: dict[str, Tensor], zipped: bool = True) -> Path:
        content = {
            "epoch": 9,
            "global_step": 1000,
            "pytorch-lightning_version": "1.4.5",
            "state_dict": tensors,
            "callbacks": {keyed: {"monitor": None, "best_model_path": "", "best_model_score": None}},
            "optimizer_states": [{"state": {}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999)}]}],
            "lr_schedulers": [],
            "hyper_parameters": {"seed": 0, "name": "ffhq256_autoenc"},
        }
        sys.modules[module.__name__] = module
        try:
            torch.save(content, tmp_path / name, _use_new_zipfile_serialization=zipped)
        finally:
            del sys.modules[module.__name__]
        return tmp_path / name

    return write


@pytest.mark.parametrize("network", ["renderer", "sequence"])
def test_our_names_are_the_published_ones(network):
    assert published_shapes({"renderer": Renderer, "sequence": SequenceGenerator}[network]) == published_names(network)


def test_kinds():
    assert kind(stage1()) == "renderer"
    assert kind(stage1(channels=3)) == "diffae"
    assert kind(stage2()) == "sequence"
    assert kind({"weight": torch.zeros(1)}) is None
    assert kind({f"ema_model.{FIRST}": torch.zeros(128)}) is None
    assert kind(stage1(channels=9)) is None


@FORMS
def test_renderer(lightning, zipped):
    weights = convert("renderer", lightning("stage1.ckpt", stage1(), zipped))
    assert {name: tuple(value.shape) for name, value in weights.items()} == published_shapes(Renderer)
    first_numbers = {value[(0,) * value.ndim].item() for value in weights.values()}
    assert first_numbers == {2.0}, "EMA weights, not the raw ones"


@FORMS
def test_sequence(tmp_path, zipped):
    path = tmp_path / "stage2_state_dict.ckpt"
    torch.save({"state_dict": stage2()}, path, _use_new_zipfile_serialization=zipped)
    weights = convert("sequence", path)
    assert {name: tuple(value.shape) for name, value in weights.items()} == published_shapes(SequenceGenerator)


def test_sequence_without_counters(tmp_path):
    table = {name: value for name, value in stage2().items() if not name.endswith("num_batches_tracked")}
    assert len(stage2()) - len(table) == 10
    torch.save(table, tmp_path / "stage2.ckpt")
    assert len(convert("sequence", tmp_path / "stage2.ckpt")) == 407


@FORMS
def test_diffae(lightning, zipped):
    table = stage1(channels=3)
    kernel = torch.randn(128, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    table[f"ema_model.{FIRST}"] = kernel
    weights = convert("diffae", lightning("diffae_ffhq_last.ckpt", table, zipped))
    assert {name: tuple(value.shape) for name, value in weights.items()} == published_shapes(Renderer)
    assert torch.equal(weights[FIRST][:, :3], kernel)
    assert weights[FIRST][:, 3:].count_nonzero() == 0


def test_start_from_diffae_ignores_the_reference():
    """A small renderer started from a 3-channel one gives what that one gave, whatever the reference shows."""
    small = {"width": 32, "multipliers": (1, 1), "attention": (), "blocks": 1, "encoder_width": 32,
             "encoder_multipliers": (1, 1), "encoder_attention": (), "encoder_blocks": 1,
             "latent": 16, "embedding": 32}  # fmt: skip
    torch.manual_seed(0)
    start, renderer = Renderer(**small, in_channels=3).eval(), Renderer(**small).eval()
    with torch.no_grad():
        for parameter in start.parameters():  # the last convolution of a new network is zero
            parameter.add_(0.05 * torch.randn_like(parameter))
    load_weights(renderer, from_diffae(start.state_dict()))
    x, reference, latent = torch.randn(1, 3, 16, 16), torch.randn(1, 3, 16, 16), torch.randn(1, 16)
    t = torch.tensor([500])
    with torch.no_grad():
        expected = start(x, t, latent)
        actual = renderer(torch.cat([x, reference], dim=1), t, latent)
    assert expected.std() > 0.01
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize(
    ("stage", "given", "said"),
    [("renderer", "diffae", "diffae"), ("diffae", "renderer", "renderer"), ("renderer", "sequence", "sequence"),
     ("sequence", "renderer", "renderer")],
)  # fmt: skip
def test_another_file_is_refused(tmp_path, stage, given, said):
    tables = {"renderer": stage1, "sequence": stage2, "diffae": lambda: stage1(channels=3)}
    torch.save(tables[given](), tmp_path / "a.ckpt")
    with pytest.raises(InputError, match=f"is DiffDub's {said} file, where its {stage} file is needed"):
        convert(stage, tmp_path / "a.ckpt")


def test_unknown_file_is_refused(tmp_path):
    torch.save({"state_dict": {"weight": torch.zeros(1)}}, tmp_path / "a.ckpt")
    with pytest.raises(InputError, match="none of DiffDub's"):
        convert("renderer", tmp_path / "a.ckpt")


def test_damaged_table_is_refused_by_name(tmp_path):
    table = stage1()
    del table["ema_model.out.2.bias"]
    table["ema_model.out.0.bias"] = torch.zeros(5)
    table["ema_model.extra"] = torch.zeros(1)
    torch.save({"state_dict": table}, tmp_path / "stage1.ckpt")
    with pytest.raises(InputError) as caught:
        convert("renderer", tmp_path / "stage1.ckpt")
    text = str(caught.value)
    assert "1 missing (out.2.bias)" in text
    assert "1 unexpected (extra)" in text
    assert "1 misshapen (out.0.bias is (5,) and not (128,))" in text


def test_published_table_has_both_namings():
    assert PUBLISHED["renderer"].names == ("stage1_state_dict.ckpt", "stage1.ckpt")
    assert PUBLISHED["sequence"].names == ("stage2_state_dict.ckpt", "stage2.ckpt")
    assert all(published.folder.startswith("https://") for published in PUBLISHED.values())


def filled(network: str) -> dict[str, Tensor]:
    """Random weights under the names and shapes of a parity case."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator) if shape else torch.tensor(5)
        for name, shape in published_names(network).items()
    }


@FORMS
def test_sequence_at_its_published_size(tmp_path, zipped):
    """140 MB: published file -> safetensors -> strictly into the network, with every number as it was."""
    tensors = filled("sequence")
    path = tmp_path / "stage2_state_dict.ckpt"
    torch.save({"state_dict": with_prefix("seq2seq.", tensors)}, path, _use_new_zipfile_serialization=zipped)
    write_weights(tmp_path / "sequence.safetensors", convert("sequence", path), {})
    network = SequenceGenerator()
    load_weights(network, read_weights(tmp_path / "sequence.safetensors"))
    assert all(torch.equal(value, tensors[name]) for name, value in network.state_dict().items())


@pytest.mark.slow
def test_renderer_at_its_published_size(lightning, tmp_path):
    """1.4 GB: the file is mapped and not held in memory, and its EMA half goes strictly into the network."""
    ema = filled("renderer")
    blank = {name: torch.zeros(1).expand(value.shape) for name, value in ema.items()}
    raw = {name: value.contiguous() for name, value in blank.items()}  # full size on the disk, untouched in memory
    path = lightning("stage1.ckpt", {**with_prefix("model.", raw), **with_prefix("ema_model.", ema)})
    assert path.stat().st_size > 1.3e9
    del raw, blank
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    weights = convert("renderer", path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kB: it is mapped, not read"
    write_weights(tmp_path / "renderer.safetensors", weights, {})
    del weights
    path.unlink()
    network = Renderer()
    load_weights(network, read_weights(tmp_path / "renderer.safetensors"))
    assert all(torch.equal(value, ema[name]) for name, value in network.state_dict().items())
    (tmp_path / "renderer.safetensors").unlink()
