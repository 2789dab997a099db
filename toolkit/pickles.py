"""Arrays in strangers' pickles, read without running anything that these name.

NumPy's own functions are not called either: stand-ins keep what they would be given, and the arrays are made of it here.
"""

import io
import pickle
import re
from collections.abc import Callable, Mapping

import numpy as np

from toolkit.errors import InputError


class _Type:
    """Stands in for numpy's dtype: numbers and booleans of a byte order."""

    def __init__(self, code: str, *_: object) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple) -> None:
        self.order = {"|": "="}.get(state[1], state[1])

    @property
    def numpy(self) -> np.dtype:
        if not re.fullmatch(r"[fiub]\d{1,2}", self.code) or self.order not in ("<", ">", "="):
            raise pickle.UnpicklingError(f"an array of {self.code!r}")
        return np.dtype(self.code).newbyteorder(self.order)


class _Array:
    """Stands in for an array until its bytes are known."""

    def __init__(self, *_: object) -> None:
        self.state: tuple | None = None

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    @property
    def numpy(self) -> np.ndarray:
        if self.state is None:
            raise pickle.UnpicklingError("an array without content")
        _, shape, kind, columns_first, content = self.state
        return _from_bytes(content, kind, shape, "F" if columns_first else "C")


def _from_bytes(content: bytes, kind: _Type, shape: tuple[int, ...], order: str) -> np.ndarray:
    return np.frombuffer(content, kind.numpy).reshape(shape, order=order)


def _latin1(text: str, _: str) -> bytes:
    """Older pickles keep bytes as text."""
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How older pickles write that there are none."""
    return b""


def _scalar(kind: _Type, content: bytes) -> float:
    return np.frombuffer(content, kind.numpy)[0].item()


_NUMPY = {"_reconstruct": _Array, "_frombuffer": _from_bytes, "scalar": _scalar, "ndarray": _Array, "dtype": _Type}


class _Unpickler(pickle.Unpickler):
    """Knows what numpy and Python write of arrays of numbers, and refuses every other name."""

    def find_class(self, module: str, name: str) -> Callable:
        if module.partition(".")[0] == "numpy" and name in _NUMPY:
            return _NUMPY[name]
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        if module in ("builtins", "__builtin__") and name == "bytes":
            return _no_bytes
        raise pickle.UnpicklingError(f"{module}.{name}")


def read_arrays(content: bytes, subject: str, remedy: str) -> object:
    """What a pickle holds: texts, numbers, lists and tables of them, arrays. InputError for anything more, with that remedy."""
    try:
        return _plain(_Unpickler(io.BytesIO(content)).load())
    except Exception as error:  # a hostile or broken pickle can raise anything
        problem = f"holds something that is not read ({error or type(error).__name__})"
        raise InputError(subject, problem, remedy) from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(part) for part in value)
    return value.numpy if isinstance(value, _Array) else value
