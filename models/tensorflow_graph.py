"""Constants of a frozen TensorFlow graph, read without TensorFlow: the graph is data here, and nothing of it is run.

The file is a protocol buffer. TensorBoard brings the messages' definitions, protobuf the reader, which checks every length
and depth against the bytes that are there.
"""

import math
from collections.abc import Iterable
from pathlib import Path

import torch
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT
from torch import Tensor

from toolkit.errors import InputError


def read_constants(content: bytes, names: Iterable[str], subject: str | Path, remedy: str) -> dict[str, Tensor]:
    """The constants of these names, float32 on the CPU, in `content`, the bytes of a frozen graph (`.pb`).

    Raises InputError about `subject`, with `remedy`, where the bytes are no graph, or a constant is not there or is none of
    float32.
    """
    try:
        graph = GraphDef.FromString(content)
    except DecodeError as error:
        raise InputError(subject, f"is not a frozen TensorFlow graph, or a part of one ({error})", remedy) from error
    nodes = {node.name: node for node in graph.node if node.op == "Const" and "value" in node.attr}
    names = list(names)
    if missing := [name for name in names if name not in nodes]:
        problem = f"is a graph of {len(graph.node)} nodes that lacks {len(missing)} constants, {missing[0]} for one"
        raise InputError(subject, problem, remedy)
    try:
        return {name: _tensor(nodes[name].attr["value"].tensor) for name in names}
    except ValueError as error:
        raise InputError(subject, f"holds a constant that cannot be read ({error})", remedy) from error


def _tensor(stored: TensorProto) -> Tensor:
    """A constant of float32, stored as little-endian bytes or as a list of numbers; ValueError for any other."""
    if stored.dtype != DT_FLOAT:
        raise ValueError(f"its numbers are of TensorFlow's type {stored.dtype}, not float32")
    shape = [dimension.size for dimension in stored.tensor_shape.dim]
    if stored.tensor_content:
        have, values = len(stored.tensor_content) / 4, stored.tensor_content
    else:
        have, values = len(stored.float_val), stored.float_val
    if min(shape, default=1) < 1 or math.prod(shape) != have:
        raise ValueError(f"it has {have:g} numbers for the shape {shape}")
    if stored.tensor_content:
        return torch.frombuffer(bytearray(values), dtype=torch.float32).reshape(shape)
    return torch.tensor(list(values), dtype=torch.float32).reshape(shape)
