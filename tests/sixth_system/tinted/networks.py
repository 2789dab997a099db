"""Both networks, and what they see of a clip."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor, nn

from models.checkpoints import load_weights, read_weights
from models.speech.sda import embed, load
from models.system import Clip

SPEECH = 4  # numbers of an embedding of speech


def build(stage: str) -> nn.Linear:
    """`base`: light (n, 1) to a colour (n, 3). `tone`: that colour and speech (n, 3 + SPEECH) to a better one."""
    return nn.Linear(1 if stage == "base" else 3 + SPEECH, 3)


def trained(stage: str, weights: Mapping[str, Path]) -> nn.Linear:
    network = build(stage)
    load_weights(network, read_weights(weights[stage]))
    return network


def light_and_speech(clip: Clip, weights: Mapping[str, Path]) -> tuple[Tensor, Tensor]:
    """(T, 1) and, by the helper network, (T, SPEECH) for the frames that the clip has of both."""
    samples, _ = soundfile.read(clip["audio"], dtype="float32")
    speech = np.concatenate(list(embed(load(weights["sda"]), samples)))
    with np.load(clip["light"]) as arrays:
        light = np.resize(arrays["light"], len(speech)).astype(np.float32)
    return torch.from_numpy(light[:, None]), torch.from_numpy(speech)
