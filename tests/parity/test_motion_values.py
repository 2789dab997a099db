"""Cases that are stored as values alone, without the text of calls: an optimiser, a loss, an embedding, windows of speech.

They are read where they are: the repository's copy, `../shared/parity`, or the folder of `--parity-root`.
"""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from fill import relative_error
from safetensors.torch import load_file
from torch import Tensor

from models.moditalker.atom import time_embedding
from models.moditalker.motion_training import motion_losses
from models.speech.encoders import features
from models.training.adan import Adan


def about(case: Path) -> dict:
    return json.loads((case / "about.json").read_text(encoding="utf-8"))


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def test_steps_of_adan(folder):
    case = folder("moditalker/adan")
    values = load_file(case / "values.safetensors")
    weight = torch.nn.Parameter(values["start"].clone())
    rate, decay, *betas, eps = numbers(about(case)["what"])
    optimizer = Adan([weight], lr=rate, weight_decay=decay, betas=betas, eps=eps)
    for gradient, after in zip(values["gradients"], values["after_each_step"], strict=True):
        weight.grad = gradient
        optimizer.step()
        torch.testing.assert_close(weight.detach(), after, rtol=0, atol=1e-7)


def test_loss_of_motions(folder):
    values = load_file(folder("moditalker/atom_schedule") / "values.safetensors")
    parts = motion_losses(values["loss.prediction"], values["q_sample.x0"])
    assert relative_error(parts["motion"], values["loss.reconstruction_weighted"]) < 1e-6
    assert relative_error(parts["change"], values["loss.velocity_weighted"]) < 1e-6
    assert relative_error(sum(parts.values()), values["loss.total"]) < 1e-6


def test_embedding_of_time(folder):
    case = folder("moditalker/atom_schedule")
    expected = load_file(case / "values.safetensors")["time_embedding"]
    width, *times = numbers(about(case)["time_embedding"])
    assert width == expected.shape[1]
    found = time_embedding(torch.tensor(times).long(), expected.shape[1])
    assert relative_error(found, expected) < 2e-5  # a frequency in float32, times 999


class StandIn:
    """What the case puts in the network's place: mean, first and last sample of each 400, every 320. It notes what it is given."""

    config = SimpleNamespace(num_hidden_layers=0, model_type="hubert")
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def __call__(self, signal: Tensor, output_hidden_states: bool) -> SimpleNamespace:
        self.lengths.append(signal.shape[1])
        pieces = signal.unfold(1, 400, 320)
        rows = torch.stack([pieces.mean(dim=2), pieces[..., 0], pieces[..., -1]], dim=2)
        return SimpleNamespace(hidden_states=(rows,), last_hidden_state=rows)


def rows(network: StandIn, samples: np.ndarray) -> np.ndarray:
    """All rows of a recording in windows of 20 s end to end."""
    return np.concatenate(list(features(network, samples, "last", window=20.0, blocks="joined")))[:, 0]


def test_windows_of_speech(folder):
    """Those that the network is given, and how many frames they hold; ours go on to the end of the last video frame."""
    case = folder("moditalker/hubert_windows")
    for entry in about(case)["lengths"]:
        network = StandIn()
        found = rows(network, np.random.default_rng(0).normal(size=entry["samples"]).astype(np.float32))
        assert network.lengths == entry["chunk_lengths"], entry["samples"]
        assert sum(1 + (length - 400) // 320 for length in network.lengths) == entry["frames"]
        assert (found[entry["frames"] :] == found[entry["frames"] - 1]).all()


def test_rows_of_speech(folder):
    values = load_file(folder("moditalker/hubert_windows") / "values.safetensors")
    found = rows(StandIn(), values["signal"].numpy())[: len(values["stub_features"])]
    assert relative_error(torch.from_numpy(found), values["stub_features"]) < 1e-5
