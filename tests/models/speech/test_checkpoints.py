"""Published files of speech encoders: DeepSpeech's frozen graph, bare and in its archives, and what is not it. (SDA's are
tested with the weights of Diffused Heads.)"""

import hashlib
import io
import random
import tarfile
import zipfile
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.published import convert_published
from models.speech import checkpoints
from models.speech.checkpoints import PUBLISHED, address, convert
from models.speech.deepspeech import DeepSpeech, sizes
from tests.frozen_graph import deepspeech_variables, graph
from toolkit.errors import InputError


@pytest.fixture
def variables() -> dict[str, Tensor]:
    return deepspeech_variables()


def step_by_step(variables: dict[str, Tensor], vectors: Tensor) -> Tensor:
    """Logits of one recording (n, inputs), by TensorFlow's definition of each operation."""

    def layer(number: int, values: Tensor) -> Tensor:
        return (values @ variables[f"h{number}"] + variables[f"b{number}"]).clamp(0, 20)

    def cell(direction: str, values: Tensor) -> Tensor:
        kernel, bias = (
            variables[f"bidirectional_rnn/{direction}/basic_lstm_cell/{part}"] for part in ("kernel", "bias")
        )
        memory = output = torch.zeros(len(bias) // 4)
        outputs = []
        for value in values:
            into, new, forget, out = (torch.cat((value, output)) @ kernel + bias).chunk(4)
            memory = memory * torch.sigmoid(forget + 1.0) + torch.sigmoid(into) * torch.tanh(new)
            output = torch.tanh(memory) * torch.sigmoid(out)
            outputs.append(output)
        return torch.stack(outputs)

    hidden = layer(3, layer(2, layer(1, vectors)))
    both = torch.cat((cell("fw", hidden), cell("bw", hidden.flip(0)).flip(0)), 1)
    return layer(5, both) @ variables["h6"] + variables["b6"]


def written(path: Path, content: bytes) -> Path:
    """The graph as the file itself or, by the path's suffix, in an archive."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("models/output_graph.pb", content)
    elif path.suffix == ".gz":
        with tarfile.open(path, "w:gz") as archive:
            for name, part in {"models/lm.binary": b"words", "models/output_graph.pb": content}.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(part)
                archive.addfile(entry, io.BytesIO(part))
    else:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["output_graph.pb", "a.zip", "deepspeech-0.1.0-models.tar.gz"])
def test_the_network_of_a_graph_computes_what_the_graph_does(variables, tmp_path, name):
    weights = convert("deepspeech", written(tmp_path / name, graph(variables)))
    assert sizes(weights) == {"inputs": 494, "widths": (5, 5, 10), "cells": 3, "last": 5, "characters": 4}
    network = DeepSpeech(**sizes(weights))
    network.load_state_dict(weights, strict=True)
    vectors = torch.randn(9, 494)
    torch.testing.assert_close(network(vectors[None])[0], step_by_step(variables, vectors), rtol=1e-4, atol=1e-4)


def test_the_renamed_copy_is_known_by_its_digest(variables, tmp_path, monkeypatch):
    content = graph(variables)
    path = written(tmp_path / "deepspeech-0_1_0-b90017e8.pb", content)
    with pytest.raises(
        InputError, match=r"the SHA-1 .* and not b90017e816572ddce84f5843f1fa21e6a377975e. Fetch it again"
    ):
        convert("deepspeech", path)
    monkeypatch.setattr(checkpoints, "_RENAMED_SHA1", hashlib.sha1(content).hexdigest())
    assert len(convert("deepspeech", path)) == 18


def test_placed_in_an_archive_it_is_taken_in(variables, tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    written(folder / "deepspeech-0.1.0-models.tar.gz", graph(variables))
    tensors, record = convert_published(
        PUBLISHED["deepspeech"],
        partial(convert, "deepspeech"),
        folder=folder,
        target=tmp_path / "results",
        address=None,
    )
    assert sizes(tensors)["cells"] == 3
    assert record["origin"] == str(folder / "deepspeech-0.1.0-models.tar.gz")
    assert record["licence"] == "MPL 2.0"


def test_addresses():
    osmr = "https://github.com/osmr/deepspeech_features/releases/download/v0.0.1/deepspeech-0_1_0-b90017e8.pb.zip"
    mozilla = "https://github.com/mozilla/DeepSpeech/releases/download/v0.1.0/deepspeech-0.1.0-models.tar.gz"
    assert [address("deepspeech", name) for name in PUBLISHED["deepspeech"].names[:2]] == [osmr, mozilla]


def changed(variables: dict[str, Tensor], **parts: Tensor | None) -> bytes:
    return graph({name: value for name, value in (variables | parts).items() if value is not None})


def test_graphs_of_other_networks_are_refused_with_what_to_give(variables, tmp_path):
    cell = "bidirectional_rnn/bw/basic_lstm_cell/kernel"
    others = {
        "lacks 1 constants, h5 for one": changed(variables, h5=None),
        "lacks 1 constants, bidirectional_rnn": changed(variables, **{cell: None}),
        "lacks 14 constants": b"",
        "is no matrix": changed(variables, h2=torch.ones(5)),
        r"misshapen \(b3 is \(9,\) and not \(10,\)\)": changed(variables, b3=torch.ones(9)),
        rf"misshapen \({cell} is": changed(variables, **{cell: torch.ones(13, 11)}),
        r"misshapen \(h5 is": changed(variables, h5=torch.ones(7, 5)),
        "not a frozen TensorFlow graph": b"<!DOCTYPE html>",
    }
    for problem, content in others.items():
        path = written(tmp_path / "output_graph.pb", content)
        with pytest.raises(InputError, match=rf"output_graph\.pb: .*{problem}") as caught:
            convert("deepspeech", path)
        assert "misshapen" in problem or "Give output_graph.pb of DeepSpeech 0.1.0" in str(caught.value)


def test_changed_bytes_are_read_or_refused(tmp_path):
    content, rng = bytearray(graph(deepspeech_variables(inputs=2, hidden=1, cells=1, characters=1))), random.Random(0)
    outcomes = set()
    for _ in range(1000):
        copy = content[: rng.choice((len(content), rng.randrange(len(content))))]
        for place in rng.sample(range(len(copy)), k=min(len(copy), rng.randrange(1, 4))):
            copy[place] = rng.randrange(256)
        try:
            convert("deepspeech", written(tmp_path / "output_graph.pb", bytes(copy)))
            outcomes.add("read")
        except InputError as error:
            outcomes.add(type(error))
    assert outcomes == {"read", InputError}
