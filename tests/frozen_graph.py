"""A frozen TensorFlow graph, byte by byte by the format's field numbers, with DeepSpeech's variables."""

import struct
from collections.abc import Mapping

import torch
from torch import Tensor


def varint(number: int) -> bytes:
    number %= 1 << 64
    digits = []
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def field(number: int, value: int | bytes) -> bytes:
    """A whole number, or a message or text with its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def constant(name: str, value: Tensor, *, listed: bool = False, dtype: int = 1, operation: str = "Const") -> bytes:
    """A node that holds a tensor, as bytes or, where `listed`, as a list of numbers."""
    shape = b"".join(field(2, field(1, size)) for size in value.shape)
    numbers = struct.pack(f"<{value.numel()}f", *value.flatten().tolist())
    tensor = field(1, dtype) + field(2, shape) + field(5 if listed else 4, numbers)
    attributes = {"dtype": field(6, dtype), "value": field(8, tensor)}
    entries = [field(5, field(1, key.encode()) + field(2, content)) for key, content in attributes.items()]
    return field(1, field(1, name.encode()) + field(2, operation.encode()) + b"".join(entries))


def graph(constants: Mapping[str, Tensor], **options: object) -> bytes:
    """The constants, each with the node that reads it, and a versions' message at the end."""
    nodes = []
    for name, value in constants.items():
        reader = field(1, f"{name}/read".encode()) + field(2, b"Identity") + field(3, name.encode())
        nodes += [constant(name, value, **options), field(1, reader)]
    return b"".join(nodes) + field(4, field(1, 24))


def deepspeech_variables(inputs: int = 494, hidden: int = 5, cells: int = 3, characters: int = 4) -> dict[str, Tensor]:
    """Random variables of a small DeepSpeech, by TensorFlow's names."""
    generator = torch.Generator().manual_seed(0)
    wide, sides = 2 * hidden, {}
    sides |= {"1": (inputs, hidden), "2": (hidden, hidden), "3": (hidden, wide), "5": (2 * cells, hidden)}
    shapes = {}
    for number, side in (sides | {"6": (hidden, characters)}).items():
        shapes |= {f"h{number}": side, f"b{number}": side[1:]}
    for direction in ("fw", "bw"):
        cell = f"bidirectional_rnn/{direction}/basic_lstm_cell"
        shapes |= {f"{cell}/kernel": (wide + cells, 4 * cells), f"{cell}/bias": (4 * cells,)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
