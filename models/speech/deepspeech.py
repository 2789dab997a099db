"""DeepSpeech 0.1.0, Mozilla's acoustic network: logits of 28 letters and a blank, 50 times a second (specification of DeepSpeech
features, sections 5 and 12).

Two kinds of entry. `deepspeech` takes a recording whole, as published. `deepspeech_by_frame` takes the 40 ms of each video
frame as if there were nothing else, as scripts of users do, for weights that were trained on such features: they hold next
to no context.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoints import check_fit, read_weights
from models.speech.deepspeech_input import (
    WIDTH,
    cepstra,
    input_vectors,
    network_input,
    pcm,
    step_count,
    whitening,
)
from toolkit import devices
from toolkit.errors import InputError
from toolkit.resampling import as_int16, resample
from toolkit.speech import Recording, Samples, read_padded, video_frames
from toolkit.timing import SAMPLE_RATE, SAMPLES_PER_FRAME

logger = logging.getLogger("talkflow")

CEILING = 20.0  # of what the layers give on
BLOCK = 6000  # steps taken at once: 2 min, for which 1 GB is enough

WINDOW, CENTRE = 16, 8  # rows of a window around a video frame, and the one that stands at the frame
FRAMES_AT_ONCE = 1000
FRAME_RATE = 22_000  # Hz at which the users' scripts take a single frame's sound


State = tuple[Tensor, Tensor]  # of a recurrent layer: output and memory, each (1, b, cells)


class DeepSpeech(nn.Module):
    """Three layers, a recurrent one in both directions, two layers; the defaults are the published sizes (122.7 M)."""

    def __init__(
        self,
        *,
        inputs: int = WIDTH,
        widths: tuple[int, int, int] = (2048, 2048, 4096),
        cells: int = 2048,
        last: int = 2048,
        characters: int = 29,
    ) -> None:
        super().__init__()
        sides = zip((inputs, *widths), widths, strict=False)
        self.layers = nn.ModuleList(nn.Linear(*side) for side in sides)
        self.past = nn.LSTM(widths[-1], cells, batch_first=True)
        self.future = nn.LSTM(widths[-1], cells, batch_first=True)
        self.joined = nn.Linear(2 * cells, last)
        self.logits = nn.Linear(last, characters)

    def forward(self, vectors: Tensor) -> Tensor:
        """Whole recordings: (b, n, inputs) -> (b, n, characters), raw logits."""
        return self.go_on(vectors)[0]

    def go_on(self, vectors: Tensor, before: State | None = None, after: State | None = None) -> tuple[Tensor, State]:
        """Part of a recording, (b, n, inputs), between what left the state `before` behind and what left `after`, from the
        other side -> logits (b, n, characters) and the state that it leaves to what follows.

        Beyond a recording's ends there is no state. Cut into parts it gives the same logits as whole.
        """
        hidden = self._hidden(vectors)
        forwards, before = self.past(hidden, before)
        backwards, _ = self.future(hidden.flip(1), after)
        return self.head(torch.cat((forwards, backwards.flip(1)), -1)), before

    def come_back(self, vectors: Tensor, after: State | None = None) -> State:
        """The state that a part of a recording leaves to what precedes it."""
        return self.future(self._hidden(vectors).flip(1), after)[1]

    def _hidden(self, vectors: Tensor) -> Tensor:
        for layer in self.layers:
            vectors = _clipped(layer(vectors))
        return vectors

    def head(self, recurrent: Tensor) -> Tensor:
        """Both directions' outputs (..., 2 cells) -> logits (..., characters)."""
        return self.logits(_clipped(self.joined(recurrent)))


def _clipped(values: Tensor) -> Tensor:
    return values.clamp(0, CEILING)


def sizes(tensors: Mapping[str, Tensor]) -> dict[str, object]:
    """Arguments of `DeepSpeech` as its tensors show them; none, for the published ones, where they do not show."""
    seen = [f"layers.{number}.weight" for number in range(3)] + ["past.weight_hh_l0", "joined.weight", "logits.weight"]
    if not all(name in tensors and tensors[name].ndim == 2 for name in seen):
        return {}
    first, *_ = shapes = [tensors[name].shape for name in seen]
    outputs = [shape[0] for shape in shapes]
    widths, (_, last, characters) = tuple(outputs[:3]), outputs[3:]
    return {"inputs": first[1], "widths": widths, "cells": shapes[3][1], "last": last, "characters": characters}


def load(path: str | Path, device: torch.device | str = "cpu") -> DeepSpeech:
    """The network in a `.safetensors` file, ready to use. Raises InputError where the file holds anything else."""
    tensors = read_weights(path)
    settings = sizes(tensors)
    check_fit(tensors, DeepSpeech, settings, path)
    with torch.device("meta"):  # half a gigabyte is neither filled nor held twice
        network = DeepSpeech(**settings)
    network.load_state_dict(tensors, strict=True, assign=True)
    return network.eval().requires_grad_(False).to(device, torch.float32)


def extract(samples: Recording, entry: dict, source: Path) -> Iterator[np.ndarray]:
    """By the network in `source`: blocks (n, 29) of logits, 50 a second, or of `deepspeech_by_frame` (n, 16, 29), a window
    for every video frame; float32."""
    network = load(source, devices.device())
    if network.layers[0].in_features != WIDTH:
        problem = f"takes {network.layers[0].in_features} numbers a step, and its input has {WIDTH}"
        raise InputError(source, problem, "Give the weights of DeepSpeech 0.1.0")
    if entry["kind"] == "deepspeech":
        return track_logits(network, samples)
    logger.warning(
        "deepspeech_by_frame: each video frame's features come of its 40 ms of sound alone and hold next to no context. "
        "Take the kind deepspeech, unless the weights were trained on such features"
    )
    return frame_windows(network, samples)


@torch.inference_mode()
def track_logits(network: DeepSpeech, samples: Samples, block: int = BLOCK) -> Iterator[np.ndarray]:
    """Logits of a recording, `block` steps at a time: (n, 29) float32, 2T rows for T video frames, the last one repeated
    where a started frame has too little sound for both.

    They are those of the whole recording at once (3e-7 apart at the published sizes). Of what is longer than a block the
    backward direction comes first, from the end, and only its state between blocks is kept (16 kB); that costs half as much
    again. To begin it anew some seconds after each block would cost less and depend on how long the cells remember: over a
    block's last second, with random weights, 2 s were 6e-4 of the logits away, 5 s 1e-5, but with wide open forget gates
    even 20 s 2e-2.
    """
    device = next(network.parameters()).device
    count, (mean, deviation) = step_count(len(samples)), whitening(samples)
    spans = [(first, min(first + block, count)) for first in range(0, count, block)]

    def vectors(span: tuple[int, int]) -> Tensor:
        return torch.from_numpy(network_input(samples, *span, mean, deviation))[None].to(device)

    afters: list[State | None] = [None]
    for span in reversed(spans[1:]):
        afters.append(network.come_back(vectors(span), afters[-1]))
    before = None
    for span in spans:
        logits, before = network.go_on(vectors(span), before, afters.pop())
        missing = 0 if afters else 2 * video_frames(samples) - count
        yield np.pad(logits[0].cpu().numpy(), ((0, missing), (0, 0)), mode="edge")


@torch.inference_mode()
def frame_windows(network: DeepSpeech, samples: Samples, block: int = FRAMES_AT_ONCE) -> Iterator[np.ndarray]:
    """Windows around each video frame in which the frame's own row alone is not zero, `block` of them at a time: (n, 16, 29)
    float32.

    The users' scripts take the frame's 40 ms at 44.1 kHz, these at 16 kHz: above 8 kHz there is no sound in them.
    """
    device = next(network.parameters()).device
    frames = video_frames(samples)
    for first in range(0, frames, block):
        last = min(first + block, frames)
        sound = pcm(read_padded(samples, first * SAMPLES_PER_FRAME, last * SAMPLES_PER_FRAME))
        vectors = [input_vectors(cepstra(clip, FRAME_RATE)) for clip in frame_sound(sound, SAMPLE_RATE)]
        logits = network(torch.from_numpy(np.stack(vectors)).float().to(device))
        # Of a frame's two steps, brought to 60 rows a second, the first remains as it is, and the other is dropped.
        windows = np.zeros((last - first, WINDOW, logits.shape[-1]), np.float32)
        windows[:, CENTRE] = logits[:, 0].cpu().numpy()
        yield windows


def frame_sound(sound: np.ndarray, rate: int) -> np.ndarray:
    """Sound of whole video frames, (n,) int16 at `rate` Hz, to each frame's at 22 kHz: (frames, 880) int16."""
    return as_int16(resample(sound.reshape(-1, rate // 25).astype(np.float32), rate, FRAME_RATE))
