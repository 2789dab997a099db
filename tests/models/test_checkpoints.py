"""Files from strangers: everything a checkpoint may hold is read, nothing that it brings is run."""

import contextlib
import pickle
import sys
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.checkpoints import (
    check_names,
    load_weights,
    read_hyper_parameters,
    read_record,
    read_state_dict,
    read_tensor,
    read_weights,
    write_weights,
)
from toolkit.errors import InputError
from toolkit.files import sha256

pytestmark = pytest.mark.filterwarnings(
    "ignore:Detected pickle protocol"
)  # of torch's reader, about the test's payloads

FORMS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


@pytest.fixture
def table() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return OrderedDict(
        {
            "first.weight": torch.randn(4, 3, generator=generator),
            "first.bias": torch.randn(4, generator=generator).bfloat16(),
            "norm.num_batches_tracked": torch.tensor(7),
        }
    )


def save(content: object, path: Path, zipped: bool) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def assert_equal(read: dict[str, torch.Tensor], table: dict[str, torch.Tensor]) -> None:
    assert list(read) == list(table)
    for name, value in table.items():
        assert read[name].dtype == value.dtype
        assert torch.equal(read[name], value)


@pytest.fixture
def foreign() -> ModuleType:
    """A module of classes that the file's writer had and its reader has not."""
    module = ModuleType("absent_lightning")
    code = """
class ModelCheckpoint:
    pass

class AttributeDict(dict):
    pass

class Logger:
    def __init__(self, name):
        self.name = name
    def __reduce__(self):
        return Logger, (self.name,)

class Settings:
    pass

class Steps(list):
    pass

class Names(set):
    pass
"""
    exec(code, module.__dict__)  # noqa: S102 (our own text, to get classes of a module that can be taken away)
    sys.modules[module.__name__] = module
    yield module
    sys.modules.pop(module.__name__, None)


class Payload:
    """Unpickled by an ordinary reader, it creates a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


class SystemPayload(Payload):
    def __reduce__(self):
        import os

        return os.system, (f"touch '{self.mark}'",)


class EvalPayload(Payload):
    def __reduce__(self):
        return eval, (f"open({str(self.mark)!r}, 'w').close()",)


PAYLOADS = pytest.mark.parametrize("payload", [Payload, SystemPayload, EvalPayload])


@FORMS
@pytest.mark.parametrize("wrapped", [True, False])
def test_table_is_read(tmp_path, table, zipped, wrapped):
    path = save({"state_dict": table, "epoch": 3} if wrapped else table, tmp_path / "a.ckpt", zipped)
    assert_equal(read_state_dict(path), table)


@FORMS
def test_parameters_become_tensors(tmp_path, zipped):
    network = torch.nn.Linear(3, 2)
    path = save(dict(network.named_parameters()), tmp_path / "a.pt", zipped)
    read = read_state_dict(path)
    assert all(type(value) is torch.Tensor and not value.requires_grad for value in read.values())
    assert torch.equal(read["weight"], network.weight)


def test_safetensors_is_read(tmp_path, table):
    save_file(dict(table), tmp_path / "a.safetensors")
    read = read_state_dict(tmp_path / "a.safetensors")
    assert_equal({name: read[name] for name in table}, table)


@FORMS
def test_callbacks_keyed_by_an_absent_class(tmp_path, table, foreign, zipped):
    """Lightning 1.4's form: the class of a callback is a key."""
    content = {
        "epoch": 1,
        "state_dict": table,
        "callbacks": {foreign.ModelCheckpoint: {"best_model_score": torch.tensor(0.5), "monitor": None}},
        "optimizer_states": [{"state": {0: {"step": 1, "exp_avg": torch.zeros(2)}}, "param_groups": []}],
        "hyper_parameters": {"lr": 1e-4, "name": "x"},
    }
    path = save(content, tmp_path / "a.ckpt", zipped)
    sys.modules.pop(foreign.__name__)
    assert_equal(read_state_dict(path), table)
    assert foreign.__name__ not in sys.modules


@FORMS
def test_objects_with_content(tmp_path, table, foreign, zipped):
    """Dictionaries, lists, sets, calls and instances of absent classes, and NumPy's numbers."""
    instance = foreign.ModelCheckpoint()
    instance.best = {"score": 1.0}
    content = {
        "state_dict": table,
        "hyper_parameters": foreign.AttributeDict(width=3, rate=0.1),
        "logger": foreign.Logger("tensorboard"),
        "steps": foreign.Steps([1, 2, 3]),
        "names": foreign.Names({"a", "b"}),
        "callback": instance,
        "score": np.float64(0.25),
        "array": np.arange(3),
        "raw": b"bytes",
        "dtype": torch.float16,
    }
    path = save(content, tmp_path / "a.ckpt", zipped)
    sys.modules.pop(foreign.__name__)
    assert_equal(read_state_dict(path), table)


@FORMS
@PAYLOADS
@pytest.mark.parametrize("place", ["whole", "in_table", "deep"])
def test_payload_is_refused_and_never_run(tmp_path, table, zipped, payload, place):
    mark = tmp_path / "ran"
    bad = payload(mark)
    content = {"whole": bad, "in_table": {"state_dict": {**table, "bad": bad}}, "deep": {"state_dict": [bad]}}[place]
    path = save(content, tmp_path / "evil.ckpt", zipped)
    with pytest.raises(InputError, match=r"evil\.ckpt"):
        read_state_dict(path)
    assert not mark.exists()
    torch.load(path, weights_only=False)  # the test's own proof: an ordinary reader does run it
    assert mark.exists()


@FORMS
@PAYLOADS
def test_payload_beside_the_table_is_inert(tmp_path, table, zipped, payload):
    mark = tmp_path / "ran"
    path = save({"callbacks": payload(mark), "state_dict": table}, tmp_path / "a.ckpt", zipped)
    assert_equal(read_state_dict(path), table)
    assert not mark.exists()


@PAYLOADS
def test_bare_pickle_is_refused_and_never_run(tmp_path, payload):
    mark = tmp_path / "ran"
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"state_dict": payload(mark)}))
    with pytest.raises(InputError, match=r"evil\.pkl"):
        read_state_dict(tmp_path / "evil.pkl")
    assert not mark.exists()


def test_program_is_read_as_its_tensors(tmp_path):
    network = torch.nn.Linear(2, 2)
    torch.jit.script(network).save(str(tmp_path / "program.pt"))
    assert_equal(read_state_dict(tmp_path / "program.pt"), network.state_dict())


@FORMS
@pytest.mark.parametrize("wrapped", [True, False])
def test_tensor_alone(tmp_path, zipped, wrapped):
    tensor = torch.randn(5, 3)
    path = save({"embedding": tensor} if wrapped else tensor, tmp_path / "a.pth", zipped)
    assert torch.equal(read_tensor(path), tensor)


@PAYLOADS
@FORMS
def test_tensor_alone_from_a_hostile_file(tmp_path, zipped, payload):
    mark = tmp_path / "ran"
    path = save(payload(mark), tmp_path / "evil.pth", zipped)
    with pytest.raises(InputError, match=r"evil\.pth"):
        read_tensor(path)
    assert not mark.exists()


def test_tensor_alone_is_one(tmp_path, table):
    for content in (table, {}, [torch.zeros(2)], {"a": 3}):
        with pytest.raises(InputError, match="another thing than one tensor"):
            read_tensor(save(content, tmp_path / "a.pth", True))


@FORMS
def test_key_of_the_table(tmp_path, table, zipped):
    path = save({"encoder": table, "rate": 16000, "generator": {"a": torch.zeros(1)}}, tmp_path / "a.dat", zipped)
    assert_equal(read_state_dict(path, "encoder"), table)


@FORMS
def test_hyper_parameters(tmp_path, table, foreign, zipped):
    """Plain values, also those in absent classes: a dictionary's subclass, and lists as omegaconf keeps them."""
    levels = foreign.Settings()
    levels._metadata = foreign.ModelCheckpoint
    levels._content = [foreign.Settings(), foreign.Settings()]
    for node, value in zip(levels._content, (1, 2), strict=True):
        node._val = value
    hidden = {"heads": 4, "levels": levels, "blur": foreign.Logger("x"), "path": Path("a")}
    for kind in (dict, foreign.AttributeDict):
        path = save({"state_dict": table, "hyper_parameters": kind(hidden)}, tmp_path / "a.ckpt", zipped)
        sys.modules.pop(foreign.__name__)
        found = read_hyper_parameters(path)
        assert (found["heads"], found["levels"]) == (4, [1, 2])
        assert_equal(read_state_dict(path), table)
        sys.modules[foreign.__name__] = foreign


def test_no_hyper_parameters(tmp_path, table):
    assert read_hyper_parameters(save(table, tmp_path / "a.ckpt", True)) == {}
    assert read_hyper_parameters(save(torch.zeros(1), tmp_path / "a.ckpt", True)) == {}


def test_whole_network_is_refused(tmp_path):
    path = save(torch.nn.Linear(2, 2), tmp_path / "network.pt", True)
    with pytest.raises(InputError, match="no table of tensors"):
        read_state_dict(path)


def test_tar_form_is_refused(tmp_path):
    """torch 0.1's form, which torch.load would unpack."""
    with tarfile.open(tmp_path / "old.pt", "w") as archive:
        (tmp_path / "storages").write_bytes(pickle.dumps(0))
        archive.add(tmp_path / "storages", "storages")
    with pytest.raises(InputError, match="tar archive"):
        read_state_dict(tmp_path / "old.pt")


@FORMS
def test_truncated_file_is_refused(tmp_path, table, zipped):
    path = save({"state_dict": table}, tmp_path / "cut.ckpt", zipped)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"cut\.ckpt"):
        read_state_dict(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04rubbish", b"<html>404</html>"])
@pytest.mark.parametrize("name", ["a.ckpt", "a.safetensors"])
def test_rubbish_is_refused(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_state_dict(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_state_dict(tmp_path / "none.ckpt")


def test_empty_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="no table"):
        read_state_dict(save({"state_dict": {}}, tmp_path / "a.ckpt", True))


def test_zip_stays_on_disk(tmp_path):
    """64 MB that are read only where they are touched."""
    path = save({"state_dict": {"a": torch.zeros(1 << 24)}}, tmp_path / "a.ckpt", True)
    mapped = read_state_dict(path)
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    assert str(path) in maps.read_text()
    assert mapped["a"].shape == (1 << 24,)


def test_write_and_read(tmp_path, table):
    path = tmp_path / "models" / "a.safetensors"
    write_weights(path, table, {"preset": "debug", "steps": 10})
    read = read_weights(path)
    assert_equal({name: read[name] for name in table}, table)
    record = read_record(path)
    assert record == {"preset": "debug", "steps": 10, "sha256": sha256(path)}
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["a.json", "a.safetensors"]


def test_write_shared_views_and_transposed(tmp_path):
    """Tied weights, slices of one buffer, expanded and transposed tensors: each is written by its own values."""
    base = torch.arange(12.0).reshape(3, 4)
    tensors = {"a": base, "tied": base, "slice": base[1], "transposed": base.T, "expanded": torch.ones(1).expand(5)}
    write_weights(tmp_path / "a.safetensors", tensors, {})
    read = read_weights(tmp_path / "a.safetensors")
    for name, value in tensors.items():
        assert torch.equal(read[name], value)


def test_failed_write_leaves_nothing(tmp_path, table):
    with pytest.raises(TypeError):
        write_weights(tmp_path / "a.safetensors", table, {"bad": object()})
    assert list(tmp_path.iterdir()) == []


def test_read_weights_takes_no_pickles(tmp_path, table):
    with pytest.raises(InputError, match=r"not a \.safetensors"):
        read_weights(save(table, tmp_path / "a.ckpt", True))


class TestNames:
    expected = {"a.weight": (2, 3), "a.bias": (2,), "norm.num_batches_tracked": ()}  # noqa: RUF012

    def test_exact(self):
        check_names({name: torch.zeros(shape) for name, shape in self.expected.items()}, self.expected)

    def test_absent_counter_is_forgiven(self):
        check_names({"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}, self.expected)

    def test_every_difference_is_named(self):
        tensors = {
            "a.weight": torch.zeros(3, 2),
            "b.weight": torch.zeros(1),
            "norm.num_batches_tracked": torch.zeros(()),
        }
        with pytest.raises(InputError) as caught:
            check_names(tensors, self.expected, "some.ckpt")
        text = str(caught.value)
        assert "some.ckpt" in text
        assert "1 missing (a.bias)" in text
        assert "1 unexpected (b.weight)" in text
        assert "1 misshapen (a.weight is (3, 2) and not (2, 3))" in text

    def test_misshapen_counter_is_not_forgiven(self):
        tensors = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2), "norm.num_batches_tracked": torch.zeros(1)}
        with pytest.raises(InputError, match="misshapen"):
            check_names(tensors, self.expected)

    def test_long_lists_are_shortened(self):
        with pytest.raises(InputError, match="and 92 more"):
            check_names({}, {f"layer{i}": (1,) for i in range(100)})


def test_load_weights_is_strict_but_for_counters():
    source, target = torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    torch.nn.init.normal_(source.weight)
    tensors = dict(source.state_dict())
    del tensors["num_batches_tracked"]
    load_weights(target, tensors)
    assert torch.equal(target.weight, source.weight)
    with pytest.raises(InputError, match="missing"):
        load_weights(target, {"weight": source.weight})


def test_two_pickles_in_one_zip_run_nothing(tmp_path, table):
    """A second data.pkl, which another zip reader might take for the first."""
    mark = tmp_path / "ran"
    path = save({"state_dict": table}, tmp_path / "a.ckpt", True)
    with zipfile.ZipFile(path, "a") as archive:
        (first,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(first, pickle.dumps(SystemPayload(mark)))
    with contextlib.suppress(InputError):
        read_state_dict(path)
    assert not mark.exists()
