"""Weights on disk: strangers' files read without running anything that they bring, our own kept as safetensors.

A PyTorch checkpoint is a pickle, and unpickling calls whatever the file names. Three readers are tried, none of which
does (`models/torchscript.py` is the fourth, for programs):

1. torch's weights-only reader, which knows tensors and plain containers;
2. the same reader, with the classes that the file names allowed as inert classes of the same name (enough for
   Lightning 1.4, which keys its callbacks by a class);
3. an unpickler that gives an inert object for every name but those that rebuild tensors and plain containers, for files
   whose foreign objects have content, and for the non-zip format of torch before 1.6.
"""

import collections
import logging
import pickle
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.torchscript import is_torchscript, read_tensors
from toolkit.errors import InputError
from toolkit.files import atomic_path, read_json, sha256, write_json

logger = logging.getLogger("talkflow")


@dataclass(frozen=True)
class PublishedFile:
    """A checkpoint that a system's authors published.

    folder   web address of the folder that holds it, without the last slash; "" where only a person can fetch it
    names    the file names in use, the likeliest first
    sha256   its digest, or None where none is known: then the digest of the first file seen is recorded and kept to
    licence  under which its authors published it, as they say
    pages    web pages where a person finds it, if no program does
    """

    folder: str
    names: tuple[str, ...]
    sha256: str | None = None
    licence: str = "not stated"
    pages: tuple[str, ...] = ()


class _Inert:
    """Stands in for anything that a file names and we do not know: takes every call, does nothing, keeps its values."""

    def __new__(cls, *arguments: object, **named: object) -> "_Inert":
        made = object.__new__(cls)
        made.values = {}
        return made

    def _ignore(self, *arguments: object, **named: object) -> None:
        pass

    def __call__(self, *arguments: object, **named: object) -> "_Inert":
        return _Inert()

    def __setitem__(self, name: object, value: object) -> None:
        self.values[name] = value

    def __setstate__(self, state: object) -> None:
        self.values |= state if isinstance(state, dict) else {}

    __init__ = append = extend = add = update = _ignore


def _inert(name: str) -> type:
    return type(name.rpartition(".")[2], (_Inert,), {})


_KNOWN = {
    "collections.OrderedDict": collections.OrderedDict,
    "torch.Size": torch.Size,
    "torch.device": torch.device,
    "torch._utils._rebuild_tensor": torch._utils._rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": torch._utils._rebuild_tensor_v2,
    "torch._utils._rebuild_parameter": torch._utils._rebuild_parameter,
    **{f"torch.{name}": value for name, value in vars(torch).items() if isinstance(value, torch.dtype)},
    **{f"{module}.{kind.__name__}": kind
       for module in ("builtins", "__builtin__")  # as Python 3 and Python 2 name it
       for kind in (bool, int, float, complex, list, tuple, dict, set, frozenset)},
}  # fmt: skip


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows tensors and plain containers; everything else becomes inert."""

    def find_class(self, module: str, name: str) -> object:
        full_name = f"{module}.{name}"
        if full_name not in _KNOWN:
            logger.info("ignored %s, which the file names", full_name)
            return _inert(full_name)
        return _KNOWN[full_name]


# What torch.load asks of a pickle module (the name is needed by its check of dill's version).
_RESTRICTED_PICKLE = SimpleNamespace(
    __name__="restricted_pickle", Unpickler=_Unpickler, load=lambda file, **options: _Unpickler(file, **options).load()
)


def _read_pickle(path: Path) -> object:
    """The content of a PyTorch file. Tensors of a zip file stay on the disk until they are used."""
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    # torch.load would run the program of a TorchScript file, and unpack a tar archive.
    if is_torchscript(path):
        return read_tensors(path)
    if not is_zip and tarfile.is_tarfile(path):
        raise ValueError("it is a tar archive")
    options = {"map_location": "cpu", "mmap": is_zip}
    try:
        return torch.load(path, weights_only=True, **options)
    except Exception as error:  # a hostile or broken pickle can raise anything
        logger.info("%s holds more than tensors: %s", path, _first_line(error))
    if is_zip:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
        try:
            with torch.serialization.safe_globals([(_inert(name), name) for name in names]):
                return torch.load(path, weights_only=True, **options)
        except Exception as error:
            logger.info("%s holds objects with content: %s", path, _first_line(error))
    return torch.load(path, weights_only=False, pickle_module=_RESTRICTED_PICKLE, **options)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _read(path: Path) -> object:
    if not path.is_file():
        raise InputError(path, "there is no such file", "Check the path")
    try:
        return load_file(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except Exception as error:  # see _read_pickle
        problem = f"cannot be read as a checkpoint ({_first_line(error)})"
        raise InputError(path, problem, "Fetch the file again") from error


def read_state_dict(path: str | Path, key: str = "state_dict") -> dict[str, Tensor]:
    """The table of tensors in a file, by name, on the CPU, memory-mapped where the format allows.

    Takes safetensors, TorchScript archives, and PyTorch files (zip and the older form) that are such a table or hold one
    as `key`. No code in the file is run. Raises InputError for anything else.
    """
    path = Path(path)
    content = _read(path)
    table = content.get(key, content) if isinstance(content, Mapping) else None
    if not isinstance(table, Mapping) or not table:
        raise InputError(path, "holds no table of tensors", "Give a PyTorch checkpoint or a .safetensors file")
    strangers = [str(name) for name, value in table.items() if not isinstance(value, Tensor)]
    if strangers:
        problem = f"holds other things than tensors among its weights: {_some(strangers)}"
        raise InputError(path, problem, "Give a file of weights")
    return {str(name): value.detach() for name, value in table.items()}


def read_tensor(path: str | Path) -> Tensor:
    """The one tensor that a file holds, bare or in a table; read like `read_state_dict`."""
    content = _read(Path(path))
    held = list(content.values()) if isinstance(content, Mapping) else [content]
    if len(held) != 1 or not isinstance(held[0], Tensor):
        raise InputError(path, "holds another thing than one tensor", "Save the tensor alone")
    return held[0].detach()


def read_hyper_parameters(path: str | Path) -> dict[str, object]:
    """The `hyper_parameters` of a Lightning checkpoint as plain values, None for whatever is more; {} without any."""
    content = _read(Path(path))
    held = content.get("hyper_parameters") if isinstance(content, Mapping) else None
    if isinstance(held, _Inert) and "_content" not in held.values:
        held = held.values  # a dictionary of Lightning's own class
    found = _plain(held)
    return found if isinstance(found, dict) else {}


def _plain(value: object) -> object:
    """Numbers, texts, lists and tables of what a file holds; None for the rest."""
    if isinstance(value, _Inert):  # omegaconf keeps its lists and tables as `_content`, each value in it as `_val`
        value = value.values.get("_content", value.values.get("_val"))
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, bool | int | float | str) else None


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def check_names(
    tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], subject: str | Path = "weights"
) -> None:
    """Refuse tensors whose names or shapes are not the expected ones, with the list of the differences.

    Absent `num_batches_tracked` counters alone are forgiven: inference never reads them, early torch never wrote
    them, and `load_state_dict` fills them in.
    """
    counter = ".num_batches_tracked"
    missing = [name for name in expected if name not in tensors and not f".{name}".endswith(counter)]
    unexpected = [name for name in tensors if name not in expected]
    misshapen = [
        f"{name} is {tuple(tensors[name].shape)} and not {tuple(shape)}"
        for name, shape in expected.items()
        if name in tensors and tuple(tensors[name].shape) != tuple(shape)
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    found = [f"{len(names)} {kind} ({_some(names)})" for kind, names in kinds.items() if names]
    if found:
        raise InputError(subject, f"does not fit the network: {'; '.join(found)}", "Give the weights of this network")


def published_shapes(build: Callable[..., torch.nn.Module], **settings: object) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the state dict of the network that `build` makes of `settings`; nothing is allocated."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in build(**settings).state_dict().items()}


def check_fit(
    weights: Mapping[str, Tensor], build: Callable[..., torch.nn.Module], settings: Mapping, path: str | Path
) -> None:
    """Refuse weights that are not those of the network that `build` makes of `settings`; nothing is allocated."""
    try:
        shapes = published_shapes(build, **settings)
    except (ValueError, RuntimeError, ZeroDivisionError) as error:
        problem = f"has shapes that no network has ({error})"
        raise InputError(path, problem, "Give one of the published files") from error
    check_names(weights, shapes, path)


def strip_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def load_weights(network: torch.nn.Module, tensors: Mapping[str, Tensor], subject: str | Path = "weights") -> None:
    """Copy `tensors` into `network`, strictly; raises InputError (see `check_names`) where they do not fit."""
    check_names(tensors, {name: tuple(value.shape) for name, value in network.state_dict().items()}, subject)
    network.load_state_dict(dict(tensors), strict=True)


def write_weights(path: str | Path, tensors: Mapping[str, Tensor], record: Mapping[str, object]) -> None:
    """Write tensors as safetensors and, beside them as `.json`, how they came to be.

    `record` is the caller's: origin and digest of a published file; preset, steps, seed, data and git commit of a
    training run. The weights' own digest is added to it as `sha256`.
    """
    path = Path(path)
    storages: set[int] = set()
    separate = {}
    for name, value in tensors.items():
        value = value.detach().cpu().contiguous()
        storage = value.untyped_storage()
        # safetensors refuses tensors that share memory (tied weights, views of one buffer)
        shared = storage.data_ptr() in storages or storage.nbytes() != value.nbytes
        separate[name] = value.clone() if shared else value
        storages.add(storage.data_ptr())
    with atomic_path(path) as partial:
        save_file(separate, partial, metadata={"format": "pt"})
        write_json(path.with_suffix(".json"), {**record, "sha256": sha256(partial)})


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a `.safetensors` file, memory-mapped; raises InputError where it cannot be read."""
    path = Path(path)
    if path.suffix != ".safetensors":
        raise InputError(path, "is not a .safetensors file", "Convert the checkpoint with the rule fetch_weights")
    return read_state_dict(path)


def read_record(path: str | Path) -> dict:
    """How the weights in `path` came to be: the `.json` beside them."""
    return read_json(Path(path).with_suffix(".json"))
