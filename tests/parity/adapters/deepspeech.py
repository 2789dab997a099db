"""DeepSpeech's cases: the network, its input, and the windows that DiffTalk cuts from its logits."""

import json
from functools import lru_cache

import numpy as np
import torch
from fill import state_dict
from harness import by_call, number
from torch import Tensor

from models.difftalk.windows import neighbours, windows
from models.speech.checkpoints import deepspeech_weights
from models.speech.deepspeech import DeepSpeech, frame_sound, sizes
from models.speech.deepspeech_input import cepstra, input_vectors
from toolkit.resampling import as_int16, resample

Tensors = dict[str, Tensor]

USERS_RATE = 22_000  # Hz at which the users' scripts, and so the cases of whole chains, take sound


def cepstra_of(case: dict, call: str, inputs: Tensors) -> Tensors:
    rows = cepstra(inputs["audio"].numpy(), number(call, r"_(\d+)", 16_000))
    return {"cepstra": torch.from_numpy(rows), "input_vector": torch.from_numpy(input_vectors(rows))}


def resampled(case: dict, call: str, inputs: Tensors) -> Tensors:
    _, source, target = call.split("_")
    audio = resample(inputs["audio"].numpy(), int(source), int(target))
    return {"audio": torch.from_numpy(audio), "int16": torch.from_numpy(as_int16(audio))}


def published_windows(rows: np.ndarray) -> np.ndarray:
    """All windows that are cut from rows at any rate: every second row is the centre of one, the dropped last row of none."""
    return windows(rows, range(len(rows) // 2))


def interpolated(logits: np.ndarray, seconds: float, rate: int) -> np.ndarray:
    """Logits brought from 50 to `rate` rows a second. At 50, which is what ours are kept at, nothing changes."""
    times = np.arange(round(seconds * rate)) / rate
    return np.stack([np.interp(times, np.arange(len(logits)) / 50, channel) for channel in logits.T], axis=1)


def windows_at_a_rate(case: dict, call: str, inputs: Tensors) -> Tensors:
    rows = interpolated(inputs["logits"].double().numpy(), inputs["seconds"].item(), number(call, r"_(\d+)", 50))
    return {"interpolated": torch.from_numpy(rows), "windows": torch.from_numpy(published_windows(rows))}


def chain(case: dict, call: str, inputs: Tensors) -> Tensors:
    audio = inputs["audio"].numpy()
    vectors = input_vectors(cepstra(audio, USERS_RATE))
    logits = inputs["net_output"][:, 0].double().numpy()
    rows = interpolated(logits, len(audio) / USERS_RATE, number(call, r"_(\d+)", 60))
    return {"net_input": torch.from_numpy(vectors), "windows": torch.from_numpy(published_windows(rows))}


def single_frame(case: dict, call: str, inputs: Tensors) -> Tensors:
    """One video frame's sound at 25 times its length: what `deepspeech_by_frame` does with a frame at another rate."""
    audio, logits = inputs["audio"].numpy(), inputs["net_output"][:, 0].double().numpy()
    [sound] = frame_sound(audio, 25 * len(audio))
    rows = interpolated(logits, 1 / 25, 60)
    assert (rows[0] == logits[0]).all()
    return {
        "net_input": torch.from_numpy(input_vectors(cepstra(sound, USERS_RATE))),
        "windows": torch.from_numpy(published_windows(rows)),
    }


def stacked(case: dict, call: str, inputs: Tensors) -> Tensors:
    near = neighbours(range(len(inputs["windows"])), len(inputs["windows"]))
    return {"indices": torch.from_numpy(near), "neighbours": inputs["windows"][torch.from_numpy(near)]}


@lru_cache(maxsize=1)
def filled(tensors: str) -> DeepSpeech:
    """The network with the weights of a case, whose `tensors` have TensorFlow's names."""
    weights = deepspeech_weights(state_dict({"tensors": json.loads(tensors)}))
    with torch.device("meta"):
        network = DeepSpeech(**sizes(weights))
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval()


def logits(case: dict, call: str, inputs: Tensors) -> Tensors:
    """Recordings of several lengths side by side: beyond its end each one's recurrent outputs are zeros."""
    network = filled(json.dumps(case["tensors"]))
    vectors = inputs["input_node"]
    ends = network.head(torch.zeros(len(vectors), vectors.shape[1], 2 * network.past.hidden_size))
    for row, length in enumerate(inputs["input_lengths"].tolist()):
        if length:
            ends[row, :length] = network(vectors[row : row + 1, :length])[0]
    return {"logits": ends.transpose(0, 1)}


ADAPTERS = {
    "difftalk/deepspeech": logits,
    "difftalk/audio_features": by_call(
        {
            r"mfcc_\d+": cepstra_of,
            r"resample_\d+_\d+": resampled,
            r"windows_\d+": windows_at_a_rate,
            r"chain_\d+": chain,
            r"clip_\w+": single_frame,
            r"smooth_\d+": stacked,
        }
    ),
}
