"""Frozen graphs as tables of constants: right bytes give their numbers, all others are refused by name."""

import random

import pytest
import torch

from models.tensorflow_graph import read_constants
from tests.frozen_graph import constant, field, graph
from toolkit.errors import InputError

CONSTANTS = {"h1": torch.tensor([[1.5, -2.0, 0.25], [3.0, 4.0, -0.125]]), "fw/bias": torch.tensor([7.0, 8.0])}


def read(content: bytes, names: object = CONSTANTS) -> dict[str, torch.Tensor]:
    return read_constants(content, names, "a.pb", "Give another")


@pytest.mark.parametrize("listed", [False, True])
def test_constants_by_name(listed):
    found = read(graph(CONSTANTS, listed=listed))
    assert found.keys() == CONSTANTS.keys()
    for name, value in CONSTANTS.items():
        assert found[name].dtype == torch.float32
        assert torch.equal(found[name], value)
    found["h1"].zero_()  # the tensors are the caller's, to change as any other


def test_what_else_a_graph_holds_does_not_matter():
    strange = field(15, b"of a later version") + constant("text", torch.ones(1), dtype=7)
    found = read(strange + graph(CONSTANTS) + constant("beta", torch.ones(2, 2)), ["fw/bias"])
    assert list(found) == ["fw/bias"]


def test_a_graph_that_lacks_constants_is_refused_with_the_first_of_them():
    for lacking in (graph({"h1": CONSTANTS["h1"]}), graph(CONSTANTS, operation="VariableV2")):
        with pytest.raises(InputError, match=r"a\.pb: is a graph of \d nodes that lacks . constants, .* Give another"):
            read(lacking)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (constant("h1", torch.ones(2), dtype=2), "TensorFlow's type 2, not float32"),
        (constant("h1", torch.ones(0)), r"0 numbers for the shape \[0\]"),
        # A list of one number for a larger shape, as TensorFlow may write a constant of equal values.
        (constant("h1", torch.ones(2)).replace(field(2, field(2, field(1, 2))), field(2, field(2, field(1, 9)))),
         r"2 numbers for the shape \[9\]"),
        (constant("h1", torch.ones(2)).replace(field(1, 2), field(1, 3)), "TensorFlow's|numbers for the shape|lacks"),
    ],
)  # fmt: skip
def test_constants_of_another_kind_or_size_are_refused(content, problem):
    with pytest.raises(InputError, match=problem):
        read(content, ["h1"])


@pytest.mark.parametrize("size", [-2, 2**62, 2**63 - 1])
def test_sizes_that_no_memory_holds_are_refused(size):
    shape = field(2, field(2, field(1, size)) + field(2, field(1, size)))
    tensor = field(1, 1) + shape + field(5, b"\0\0\x80\x3f")
    attribute = field(5, field(1, b"value") + field(2, field(8, tensor)))
    node = field(1, field(1, b"h1") + field(2, b"Const") + attribute)
    with pytest.raises(InputError, match="numbers for the shape"):
        read(node, ["h1"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!DOCTYPE html><html><head><title>Not found</title></head></html>",
        b"\x1c\x00\x00\x00TFL3" + bytes(64),  # TensorFlow Lite
        b"PK\x03\x04" + bytes(64),
        b"\xff" * 64,
        field(1, b"\x0a" * 1000) * 3,
        random.Random(0).randbytes(4096),
    ],
)
def test_other_files_are_refused(content):
    with pytest.raises(
        InputError, match=r"a\.pb: is (not a frozen TensorFlow graph|a graph of \d+ nodes that lacks 2)"
    ):
        read(content)


def test_messages_within_messages_without_end_are_refused():
    """A value that is a function, whose attribute is one, and so on."""
    function = b""
    for _ in range(5000):
        function = field(10, field(2, field(1, b"value") + field(2, function)))
    content = field(5, field(1, b"value") + field(2, function))
    with pytest.raises(InputError, match="not a frozen TensorFlow graph"):
        read(field(1, field(1, b"h1") + field(2, b"Const") + content))


def outcome(content: bytes) -> bool:
    """Whether it is read; anything but InputError is an error of ours."""
    try:
        found = read(content)
    except InputError:
        return False
    assert all(found[name].ndim <= 2 for name in CONSTANTS)
    return True


def test_cut_at_every_length():
    content = graph(CONSTANTS)
    read_at = [length for length in range(len(content)) if outcome(content[:length])]
    # What comes after the last constant may be missing, at the border of a message.
    assert len(read_at) == 2
    assert read_at[0] > len(content) - 60


def test_every_byte_changed():
    content, rng = graph(CONSTANTS), random.Random(0)
    outcomes = []
    for place in range(len(content)):
        for value in {0, 255, content[place] ^ 1, content[place] ^ 128, rng.randrange(256)}:
            outcomes.append(outcome(content[:place] + bytes([value]) + content[place + 1 :]))
    assert any(outcomes), "a number of a tensor is another number"
    assert not all(outcomes)


def test_bytes_left_out_and_put_in():
    content, rng = graph(CONSTANTS), random.Random(0)
    for _ in range(3000):
        start, length = rng.randrange(len(content)), rng.randrange(12)
        outcome(content[:start] + rng.randbytes(rng.randrange(12)) + content[start + length :])
