"""Programs read as tensors: what `torch.jit.load` would give, without running anything."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.checkpoints import read_state_dict
from models.torchscript import is_torchscript, read_numbers, read_tensors
from toolkit.errors import InputError

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*TorchScript", "ignore:.*torch.jit", "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning"
)


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(2, 3, 4, bias=False)
        self.norm = nn.BatchNorm1d(3)
        self.heads = 12
        self.register_buffer("table", torch.arange(3))
        self.plain = torch.ones(3)  # neither parameter nor buffer
        self.names, self.sizes = ["a"], {"a": 1}

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.convolution(x)) * self.heads * self.plain[:, None] * self.sizes["a"] + self.table[:, None]


class Network(nn.Module):
    """Nested modules, a list, tied weights, a recurrent layer, other kinds of numbers, a transposed parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(), Layer()])
        self.recurrent = nn.GRU(3, 4, 2, batch_first=True)
        self.turned = nn.Parameter(torch.randn(3, 2).T)
        self.short = nn.Parameter(torch.randn(5).bfloat16())
        self.again = self.layers[0]
        self.register_buffer("flag", torch.tensor(True))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self.layers:
            y = layer(x)
        y = y + self.again(x)
        return self.recurrent(y.transpose(1, 2))[0].sum() * self.turned.sum() * self.short.sum() * self.flag


FORMS = pytest.mark.parametrize("form", ["script", "trace"])


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network().eval()


def save(network: nn.Module, path: Path, form: str) -> Path:
    x = torch.randn(1, 2, 9)
    program = torch.jit.script(network) if form == "script" else torch.jit.trace(network, x)
    program.save(str(path))
    return path


@FORMS
def test_equal_to_the_state_dict(network, tmp_path, form):
    path = save(network, tmp_path / "a.pt", form)
    assert is_torchscript(path)
    read = read_tensors(path)
    expected = network.state_dict()
    assert list(read) == list(expected)
    for name, value in expected.items():
        assert (read[name].dtype, read[name].stride()) == (value.dtype, value.stride()), name
        assert torch.equal(read[name], value), name
    assert list(read) == list(torch.jit.load(path).state_dict())
    assert read["again.norm.weight"].data_ptr() == read["layers.0.norm.weight"].data_ptr()
    network.load_state_dict(read_state_dict(path), strict=True)


def test_numbers_of_modules(network, tmp_path):
    heads = {"layers.0.heads": 12, "layers.1.heads": 12, "again.heads": 12}
    assert read_numbers(save(network, tmp_path / "a.pt", "script")) == heads
    assert read_numbers(save(network, tmp_path / "b.pt", "trace")) == {}


def test_a_checkpoint_is_no_program(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "a.pt")
    assert not is_torchscript(tmp_path / "a.pt")


def rewritten(path: Path, target: Path, records: dict[str, bytes | None]) -> Path:
    """The archive with other records in place of some; None leaves one out."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            name = info.filename.partition("/")[2]
            content = records.get(name, old.read(info))
            if content is not None:
                new.writestr(f"{target.stem}/{name}", content)
    return target


def call_of(command: str) -> bytes:
    """What calls `os.system(command)` in a pickle."""
    text = command.encode()
    return b"cos\nsystem\nX" + len(text).to_bytes(4, "little") + text + b"\x85R"


@pytest.mark.parametrize("place", ["root", "parameter", "beside", "storage"])
def test_calls_in_the_pickle_are_never_made(tmp_path, place):
    mark = tmp_path / "ran"
    linear = nn.Linear(2, 2)
    path = tmp_path / "linear.pt"
    torch.jit.script(linear).save(str(path))
    with zipfile.ZipFile(path) as archive:
        original = archive.read("linear/data.pkl")
    call = call_of(f"touch '{mark}'")
    assert pickle.loads(b"\x80\x02" + call + b".") == 0  # noqa: S301
    assert mark.exists(), "the test's own proof: an ordinary reader runs the call"
    mark.unlink()
    hostile = {
        "root": b"\x80\x02" + call + b".",
        "parameter": original.replace(b"X\x06\x00\x00\x00weight", b"X\x06\x00\x00\x00weight" + call + b"X\x01\x00\x00\x00x", 1),
        "beside": original.replace(b"X\x08\x00\x00\x00training", b"X\x04\x00\x00\x00evil" + call + b"X\x08\x00\x00\x00training", 1),
        "storage": original.replace(b"X\x07\x00\x00\x00storage", call, 1),
    }[place]  # fmt: skip
    evil = rewritten(path, tmp_path / "evil.pt", {"data.pkl": hostile})
    if place == "beside":
        assert torch.equal(read_state_dict(evil)["weight"], linear.weight)
    else:
        with pytest.raises(InputError, match=r"evil\.pt: cannot be read"):
            read_state_dict(evil)
    assert not mark.exists()


def test_a_program_that_would_run_on_loading_is_not_run(tmp_path):
    """A `__setstate__` in the archive's own source, with a class that packs its state."""

    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.weight

        @torch.jit.export
        def __getstate__(self) -> tuple[Tensor, bool]:
            return self.weight, self.training

        @torch.jit.export
        def __setstate__(self, state: tuple[Tensor, bool]) -> None:
            raise RuntimeError("ran")

    torch.jit.script(Packed()).save(str(tmp_path / "packed.pt"))
    with pytest.raises(torch.jit.Error, match="ran"):
        torch.jit.load(tmp_path / "packed.pt")
    with pytest.raises(InputError, match="Packed packs weight in a way of its own"):
        read_state_dict(tmp_path / "packed.pt")


def test_a_module_inside_itself_is_refused(tmp_path, network):
    path = save(network, tmp_path / "a.pt", "script")
    circle = b"\x80\x02c__torch__.test_torchscript\nNetwork\n)\x81q\x00}X\x04\x00\x00\x00selfh\x00sb."
    with pytest.raises(InputError, match="cannot be read"):
        read_state_dict(rewritten(path, tmp_path / "circle.pt", {"data.pkl": circle}))


@pytest.mark.parametrize("claim", [b"K\x05", b"J\xff\xff\xff\x7f", b"J\xff\xff\xff\xff"])
def test_a_storage_of_another_size_is_refused(tmp_path, claim):
    path = tmp_path / "linear.pt"
    torch.jit.script(nn.Linear(2, 2)).save(str(path))
    with zipfile.ZipFile(path) as archive:
        original = archive.read("linear/data.pkl")
    assert original.count(b"K\x04tQ") == 1, "4 numbers in the weight's storage"
    evil = rewritten(path, tmp_path / "evil.pt", {"data.pkl": original.replace(b"K\x04tQ", claim + b"tQ")})
    with pytest.raises(InputError, match=r"evil\.pt"):
        read_state_dict(evil)


@pytest.mark.parametrize("missing", ["data/0", "data.pkl", f"code/__torch__/{__name__.replace('.', '/')}.py"])
def test_an_archive_that_lacks_a_part_is_refused(network, tmp_path, missing):
    path = save(network, tmp_path / "a.pt", "script")
    with pytest.raises(InputError, match=r"b\.pt"):
        read_state_dict(rewritten(path, tmp_path / "b.pt", {missing: None}))


@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_a_truncated_archive_is_refused(network, tmp_path, share):
    path = save(network, tmp_path / "a.pt", "script")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=r"a\.pt"):
        read_state_dict(path)


def test_big_endian_numbers_are_refused(network, tmp_path):
    path = save(network, tmp_path / "a.pt", "script")
    with pytest.raises(InputError, match="big-endian"):
        read_state_dict(rewritten(path, tmp_path / "b.pt", {"byteorder": b"big"}))
