"""Speech encoders of the transformers library: HuBERT, wav2vec 2.0, Whisper. Sound in, hidden states at 50 Hz out.

Feature frame f of HuBERT and wav2vec 2.0 covers samples 320 f .. 320 f + 399, of Whisper those around 320 f, so T video
frames have 2T feature frames (section 3.3 of the specification of HuBERT features). What is longer than a window goes
through overlapping windows of which the middles are kept: constant memory, and every kept frame has seen its
surroundings. `joined` windows are kept whole instead.
"""

import logging
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import constants as hub
from safetensors import SafetensorError
from torch import Tensor
from transformers import (
    HubertModel,
    PreTrainedConfig,
    PreTrainedModel,
    Wav2Vec2Model,
    WhisperFeatureExtractor,
    WhisperModel,
)
from transformers import logging as transformers_logging
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from toolkit import devices
from toolkit.errors import InputError
from toolkit.speech import BLOCK, HOP, Samples, read_padded, video_frames
from toolkit.timing import SAMPLE_RATE

logger = logging.getLogger("talkflow")

RATE = SAMPLE_RATE // HOP  # feature frames per second
RECEPTIVE = 400  # samples that one frame of HuBERT's and wav2vec 2.0's convolutions covers
VARIANCE_FLOOR = 1e-7
CONTEXT = (
    5.0  # seconds on either side that a kept frame of long speech has around it at least (a quarter of short windows)
)

MODELS = {"hubert": HubertModel, "wav2vec2": Wav2Vec2Model, "whisper": WhisperModel}
UNUSED = {"masked_spec_embed"}  # the mask of pre-training, which some files lack


def load(encoder: str, model: str, *, download: bool = False, device: torch.device | str = "cpu") -> PreTrainedModel:
    """An encoder in eval mode, float32.

    encoder: hubert, wav2vec2 or whisper
    model: a folder, or a hub name that lies in `weights/` or the hub's cache, or is fetched where `download` allows it
    Weights are safetensors, or are unpickled as tensors alone; no code is ever loaded.
    Raises InputError where the model is missing, of another kind, or incomplete.
    """
    if download:  # only what is not here already goes to the network
        with suppress(InputError):
            return load(encoder, model, device=device)
    place = _place(model)
    local = not download or Path(place).is_dir()
    # Or the hub converts other people's pickles, and, also with downloads off, it gets a list of programs.
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    hub.HF_HUB_DISABLE_TELEMETRY = True
    transformers_logging.set_verbosity_error()  # what matters of its long warnings is raised here
    transformers_logging.disable_progress_bar()
    try:
        kind = PreTrainedConfig.get_config_dict(place, local_files_only=local)[0].get("model_type")
        if kind != encoder:
            raise _unusable(encoder, model, f"is a {kind} model", download)
        network, found = MODELS[encoder].from_pretrained(
            place, local_files_only=local, dtype=torch.float32, weights_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        logger.info("transformers: %s", error)
        problem = "is not here, or cannot be read" if local else "cannot be fetched, or not be read"
        raise _unusable(encoder, model, problem, download) from error
    if missing := sorted(set(found["missing_keys"]) - UNUSED):
        raise _unusable(encoder, model, f"lacks {len(missing)} tensors, {missing[0]} for one", download)
    network = network.encoder if encoder == "whisper" else network
    return network.eval().requires_grad_(False).to(device)


def _place(model: str) -> str:
    """The folder that holds the model, else its hub name."""
    by_hand = Path("weights", Path(model).name)
    return str(by_hand) if not Path(model).is_dir() and by_hand.is_dir() else model


def _unusable(encoder: str, model: str, problem: str, download: bool) -> InputError:
    folder = f"Put config.json and model.safetensors (or pytorch_model.bin) in weights/{Path(model).name}"
    allow = "" if download else ", or set `download: true` in its entry under `speech:`"
    remedy = f"{folder}, or set the entry's `model` to a folder that holds them{allow}"
    return InputError(f"{encoder} model {model}", problem, remedy)


def normalisation(samples: Samples) -> tuple[float, float]:
    """Mean and standard deviation of a whole utterance, read in blocks; the variance is the population's plus 1e-7."""
    starts = range(0, len(samples), BLOCK * HOP)
    mean = sum(np.sum(samples[start : start + BLOCK * HOP], dtype=np.float64) for start in starts) / len(samples)
    squares = sum(np.sum((samples[start : start + BLOCK * HOP] - mean) ** 2, dtype=np.float64) for start in starts)
    return float(mean), float(np.sqrt(squares / len(samples) + VARIANCE_FLOOR))


def normalised(waveform: np.ndarray, mean: float, deviation: float) -> Tensor:
    """The input of HuBERT and wav2vec 2.0: (samples,) to (1, samples) float32 of zero mean and unit variance."""
    return torch.from_numpy((waveform - np.float32(mean)) / np.float32(deviation))[None]


@torch.inference_mode()
def hidden_states(network: PreTrainedModel, signal: Tensor) -> Tensor:
    """All hidden states of one input: (layers + 1, frames, width).

    signal: the normalised waveform (1, samples), or Whisper's log-mel (1, bins, 3000). Index 0 is what enters the first
    layer, the last index the output after the last layer and the final norm.
    """
    output = network(signal, output_hidden_states=True)
    # transformers 4 keeps the final norm's output in last place, 5 its input: the published features are normed.
    return torch.cat((*output.hidden_states[:-1], output.last_hidden_state))


def end_padded(states: Tensor, frames: int) -> Tensor:
    """(layers, n, width) with the last frame repeated until there are `frames`, or cut to them."""
    return states[:, torch.arange(frames, device=states.device).clamp(max=states.shape[1] - 1)]


States = Callable[[int, int], Tensor]  # feature frames first..last-1 of a clip -> (layers, last - first, width)


def _waveform_states(network: PreTrainedModel, samples: Samples) -> States:
    mean, deviation = normalisation(samples)

    def states_of(first: int, last: int) -> Tensor:
        # The waveform is not padded at the clip's end (but to a first frame): the last feature frame is repeated.
        stop = min(last * HOP + RECEPTIVE - HOP, max(len(samples), RECEPTIVE))
        waveform = normalised(read_padded(samples, first * HOP, stop), mean, deviation)
        return end_padded(hidden_states(network, waveform.to(network.device)), last - first)

    return states_of


def _whisper_states(network: WhisperEncoder, samples: Samples) -> States:
    seconds = network.config.max_source_positions // RATE
    to_mel = WhisperFeatureExtractor(feature_size=network.config.num_mel_bins, chunk_length=seconds)

    def states_of(first: int, last: int) -> Tensor:
        waveform = read_padded(samples, first * HOP, last * HOP)  # filled up with silence to a whole window, then cut
        mel = to_mel(waveform, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        return hidden_states(network, mel.to(network.device))[:, : last - first]

    return states_of


def windows(frames: int, window: int, context: int) -> Iterator[tuple[int, int, int, int]]:
    """What to keep and the window around it: (first, last, window_start, window_stop), in feature frames.

    The kept parts follow each other without gap; each is computed in a window of `window` frames (or all there are) with
    `context` frames on either side, where the clip has them.
    """
    if frames <= window:
        yield 0, frames, 0, frames
        return
    step = window - 2 * context
    for first in range(0, frames, step):
        last = min(first + step, frames)
        window_stop = min(max(last + context, window), frames)
        yield first, last, window_stop - window, window_stop


def joined(frames: int, window: int, samples: int) -> Iterator[tuple[int, int, int, int]]:
    """The same of windows that do not overlap, as some features are published: each frame sees what its own window holds.

    Of a last window with too few of the `samples` for one frame nothing is computed; the frame before stands for its frames.
    """
    starts = range(0, frames, window)
    if len(starts) > 1 and samples - starts[-1] * HOP < RECEPTIVE:
        starts = starts[:-1]
    for first, last in pairwise([*starts, frames]):
        yield first, last, first, min(first + window, frames)


def features(
    network: PreTrainedModel,
    samples: Samples,
    layer: int | str = "all",
    window: float = 30.0,
    blocks: str = "overlapping",
) -> Iterator[np.ndarray]:
    """Hidden states of a clip, block by block: (n, layers, width) float32, together 2T frames for T video frames.

    samples: mono 16 kHz float, at least one
    layer: "all", from the input of the first layer to the normed output of the last, or one index (the axis stays)
    window: seconds computed at once (Whisper: at most what it was built for)
    blocks: "overlapping" windows, or "joined" ones
    """
    chosen = _layer(network, layer)
    length = int(window * RATE)
    if isinstance(network, WhisperEncoder):
        states_of, length = _whisper_states(network, samples), min(length, network.config.max_source_positions)
    else:
        states_of = _waveform_states(network, samples)
    frames, context = 2 * video_frames(samples), min(int(CONTEXT * RATE), length // 4)
    spans = joined(frames, length, len(samples)) if blocks == "joined" else windows(frames, length, context)
    for first, last, window_start, window_stop in spans:
        states = end_padded(states_of(window_start, window_stop)[chosen, first - window_start :], last - first)
        yield states.transpose(0, 1).float().cpu().numpy()


def _layer(network: PreTrainedModel, layer: int | str) -> slice:
    if layer == "all":
        return slice(None)
    count = network.config.num_hidden_layers + 1
    if layer == "last":
        layer = count - 1
    if not -count <= layer < count:
        kind = network.config.model_type
        raise InputError(f"layer of a {kind} entry", f"{layer} does not exist", f"Use 0 to {count - 1}, last or all")
    return slice(layer % count, layer % count + 1)


def extract(samples: Samples, entry: dict, source: Path | None) -> Iterator[np.ndarray]:
    """Hidden states of a recording by the entry's `model`: blocks (n, layers, width), 50 rows a second."""
    network = load(entry["kind"], entry["model"], download=entry["download"], device=devices.device())
    return features(network, samples, entry["layer"], entry["window"], entry["blocks"])
