"""TorchScript archives read as tables of tensors: the program that such a file holds is never run, nor compiled.

The archive is a zip. `data.pkl` pickles the tree of modules: objects of classes `__torch__.…` with their attributes;
the tensors' numbers lie in `data/`. Which attributes are parameters and buffers stands in two lines of each class's
source in `code/`, which is read as text.
"""

import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

_KNOWN = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor_v2": torch._utils._rebuild_tensor_v2,
    # torch.FloatStorage and the like: here, the kind of number in them
    **{f"torch.{name}": dtype for name, dtype in torch.storage._storage_type_to_dtype_map().items()},
}
# Before torch 1.5 a class did not say which of its tensors are buffers.
_MODULE = re.compile(r"^class (\w+)\(Module\):\n  __parameters__ = \[(.*)\]\n(?:  __buffers__ = (\[.*\])\n)?", re.M)


class _Object:
    """Anything that the archive names: it takes every call, does nothing, and keeps its attributes."""

    kind = ""

    def __new__(cls, *arguments: object, **named: object) -> "_Object":
        made = object.__new__(cls)
        made.attributes = {}
        return made

    def _ignore(self, *arguments: object, **named: object) -> None:
        pass

    __init__ = __setitem__ = append = extend = add = update = _ignore

    def __setstate__(self, state: object) -> None:
        self.attributes = state if isinstance(state, dict) else {}


class _Unpickler(pickle.Unpickler):
    """Builds tensors, plain containers and `_Object`s, and calls nothing else."""

    def __init__(self, archive: torch._C.PyTorchFileReader) -> None:
        super().__init__(io.BytesIO(archive.get_record("data.pkl")))
        self.archive = archive
        self.storages: dict[str, torch.storage.TypedStorage] = {}

    def find_class(self, module: str, name: str) -> object:
        kind = f"{module}.{name}"
        return _KNOWN[kind] if kind in _KNOWN else type("Object", (_Object,), {"kind": kind})

    def persistent_load(self, pid: tuple) -> torch.storage.TypedStorage:
        tag, dtype, key, _, count = pid  # the device that it was on does not matter
        if tag != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError(f"unknown kind of storage {tag}")
        if key not in self.storages:  # several tensors may be views of one
            held = self.archive.get_storage_from_record(f"data/{key}", count * dtype.itemsize, torch.UntypedStorage)
            typed = torch.storage.TypedStorage(wrap_storage=held.untyped_storage(), dtype=dtype, _internal=True)
            self.storages[key] = typed
        return self.storages[key]


class _Program:
    """The modules of an archive, and what their classes say of their attributes."""

    def __init__(self, path: Path) -> None:
        self.archive = torch._C.PyTorchFileReader(str(path))
        if self.archive.has_record("byteorder") and self.archive.get_record("byteorder") != b"little":
            raise ValueError("its numbers are big-endian")
        self.sources: dict[str, dict[str, list[str] | None]] = {}
        self.root = _Unpickler(self.archive).load()
        if not self.is_module(self.root):
            raise ValueError("it holds no module")

    def declared(self, kind: str) -> dict[str, list[str] | None]:
        """By class, what the source file of `kind` declares as tensors; None where all are meant."""
        record = f"code/{kind.rpartition('.')[0].replace('.', '/')}.py"
        if record not in self.sources:
            text = self.archive.get_record(record).decode() if self.archive.has_record(record) else ""
            self.sources[record] = {
                name: re.findall(r'"([^"]+)"', parameters + buffers) if buffers else None
                for name, parameters, buffers in _MODULE.findall(text)
            }
        return self.sources[record]

    def is_module(self, value: object) -> bool:
        return isinstance(value, _Object) and value.kind.rpartition(".")[2] in self.declared(value.kind)

    def modules(self) -> Iterator[tuple[str, _Object]]:
        """Every module with its name's prefix ("", "first.", "first.second."), in the order of a state dict."""
        yield from self._below("", self.root)

    def _below(self, prefix: str, module: _Object) -> Iterator[tuple[str, _Object]]:
        yield prefix, module
        for name, value in module.attributes.items():
            if self.is_module(value):
                yield from self._below(f"{prefix}{name}.", value)

    def tensors(self, module: _Object) -> Iterator[tuple[str, Tensor]]:
        """A module's own parameters and buffers."""
        names = self.declared(module.kind)[module.kind.rpartition(".")[2]]
        for name in module.attributes if names is None else names:
            value = module.attributes.get(name, module)
            if isinstance(value, Tensor):
                yield name, value
            elif value is not None and names is not None:  # None: a layer without a bias
                raise ValueError(f"its module {module.kind} packs {name} in a way of its own")


def is_torchscript(path: str | Path) -> bool:
    """Whether a file is a TorchScript archive, not a checkpoint. Raises RuntimeError for a broken zip."""
    with Path(path).open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    return is_zip and torch._C.PyTorchFileReader(str(path)).has_record("constants.pkl")


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Parameters and buffers of the archive's module, by the names of its state dict, on the CPU.

    Buffers that were not to be saved are among them: the format does not tell them from others. Raises whatever a
    broken or hostile file can raise (ValueError, RuntimeError, UnpicklingError, ...).
    """
    program = _Program(Path(path))
    return {prefix + name: value for prefix, module in program.modules() for name, value in program.tensors(module)}


def read_numbers(path: str | Path) -> dict[str, int | float]:
    """Numbers that the archive's modules keep as attributes, by dotted name. A traced program keeps none."""
    return {
        prefix + name: value
        for prefix, module in _Program(Path(path)).modules()
        for name, value in module.attributes.items()
        if type(value) in (int, float)
    }
