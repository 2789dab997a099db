"""The published files of the speech encoders whose networks are our own (specifications of Diffused Heads, section 8, and
of DeepSpeech features, section 12).

| network | file | becomes |
|---|---|---|
| sda | `audio_encoder.pt` of Diffused Heads' demo, a TorchScript program, read and not run | speech encoder |
| sda_original | `crema.dat`, `grid.dat`, `timit.dat` of SDA: a table of networks, `encoder` among them | another one |
| deepspeech | `output_graph.pb` of DeepSpeech 0.1.0, a frozen TensorFlow graph, read and not run, or its archive | speech encoder |

Weights of Diffused Heads belong to `sda`; SDA's own encoders are for networks that are trained on them. Google Drive keeps
the files for people alone, so they are placed by hand, the demo's also as the zip that they come in. DeepSpeech is fetched
from where its users have it, by the file's other name, or from Mozilla (1.4 GB with a language model that is not needed).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoints import PublishedFile, check_fit, check_names, read_state_dict, strip_prefix
from models.speech import deepspeech, sda
from models.tensorflow_graph import read_constants
from toolkit.archives import read_member
from toolkit.errors import InputError

_DEMO = "https://drive.google.com/file/d/1U90egQvzERHclTYPCjZadrEMyF7TAPa-/view"
_SDA = "https://drive.google.com/open?id=1pJdsnknLmMLvA8RQIAV3AQH8vU0FeK16"
_OSMR = "https://github.com/osmr/deepspeech_features/releases/download/v0.0.1"
_MOZILLA = "https://github.com/mozilla/DeepSpeech/releases/download/v0.1.0"

_GRAPH, _ARCHIVE = "output_graph.pb", "deepspeech-0.1.0-models.tar.gz"  # Mozilla's names
_RENAMED = "deepspeech-0_1_0-b90017e8.pb"
_RENAMED_SHA1 = "b90017e816572ddce84f5843f1fa21e6a377975e"  # whether Mozilla's is the same file is not known
_REMEDY = f"Give {_GRAPH} of DeepSpeech 0.1.0 (later versions, .pbmm and .tflite are other networks): {_RENAMED}.zip or {_ARCHIVE}"

# The SHA-256 of none is published.
PUBLISHED = {
    "sda": PublishedFile("", ("audio_encoder.pt",), licence="CC BY-NC-SA 4.0", pages=(_DEMO,)),
    "sda_original": PublishedFile("", ("crema.dat", "grid.dat", "timit.dat"), pages=(_SDA,)),
    "deepspeech": PublishedFile(
        _OSMR,
        (f"{_RENAMED}.zip", _ARCHIVE, _RENAMED, _GRAPH),
        licence="MPL 2.0",
        pages=(f"{_OSMR}/{_RENAMED}.zip", f"{_MOZILLA}/{_ARCHIVE}"),
    ),
}


def address(network: str, name: str) -> str:
    """The web address of a network's file of this name."""
    return f"{_MOZILLA if name == _ARCHIVE else PUBLISHED[network].folder}/{name}"


def convert(network: str, path: str | Path) -> dict[str, Tensor]:
    """State dict of our network from a published file; InputError where it is another one."""
    if network == "deepspeech":
        return _read_deepspeech(Path(path))
    tensors = read_state_dict(path, "encoder")
    known = "encoder.cl.0.weight"
    weights = strip_prefix(tensors, next((name.removesuffix(known) for name in tensors if name.endswith(known)), ""))
    check_fit(weights, sda.AudioEncoder, sda.sizes(weights), path)
    return weights


# TensorFlow's name of each layer's variables, by ours.
_LAYERS = {"layers.0": "1", "layers.1": "2", "layers.2": "3", "joined": "5", "logits": "6"}
_CELLS = {"past": "bidirectional_rnn/fw/basic_lstm_cell", "future": "bidirectional_rnn/bw/basic_lstm_cell"}


def _read_deepspeech(path: Path) -> dict[str, Tensor]:
    name, content = read_member(path, (_RENAMED, _GRAPH))
    if name == _RENAMED and (digest := hashlib.sha1(content, usedforsecurity=False).hexdigest()) != _RENAMED_SHA1:
        raise InputError(path, f"has, as {name}, the SHA-1 {digest} and not {_RENAMED_SHA1}", "Fetch it again")
    names = [kind + number for number in _LAYERS.values() for kind in "hb"]
    names += [f"{cell}/{part}" for cell in _CELLS.values() for part in ("kernel", "bias")]
    constants = read_constants(content, names, path, _REMEDY)
    _check_shapes(constants, path)
    weights = deepspeech_weights(constants)
    check_fit(weights, deepspeech.DeepSpeech, deepspeech.sizes(weights), path)
    return weights


def _check_shapes(constants: Mapping[str, Tensor], path: Path) -> None:
    """Refuse constants that do not fit together: each layer's size is read from its matrix, the cells' from their bias."""
    matrices = ["h1", "h2", "h3", "h5", "h6"]
    if any(constants[name].ndim != 2 for name in matrices):
        raise InputError(path, f"{' or '.join(matrices)} is no matrix", _REMEDY)
    inputs, *widths = [constants["h1"].shape[0], *(constants[name].shape[1] for name in matrices)]
    cells = constants["h5"].shape[0] // 2
    sides = zip(matrices, [inputs, *widths[:2], 2 * cells, widths[3]], widths, strict=True)
    expected = {name: (before, after) for name, before, after in sides}
    expected |= {f"b{name[1]}": (width,) for name, width in zip(matrices, widths, strict=True)}
    for cell in _CELLS.values():
        expected |= {f"{cell}/kernel": (widths[2] + cells, 4 * cells), f"{cell}/bias": (4 * cells,)}
    check_names(constants, expected, path)


def deepspeech_weights(constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dict of `DeepSpeech` from the variables of its TensorFlow graph, by their names there.

    TensorFlow's matrices are (inputs, outputs); its cell has one for inputs and state, gates in the order input, new,
    forget, output, and adds 1 to the forget gate when it runs. PyTorch has two, and the order input, forget, new, output.
    """
    weights = {}
    for ours, number in _LAYERS.items():
        weights |= {f"{ours}.weight": constants[f"h{number}"].T, f"{ours}.bias": constants[f"b{number}"]}
    for ours, cell in _CELLS.items():
        kernel, bias = constants[f"{cell}/kernel"], constants[f"{cell}/bias"]
        inputs = len(kernel) - len(bias) // 4
        into, new, forget, out = kernel.T.chunk(4)
        gates = torch.cat((into, forget, new, out))
        into, new, forget, out = bias.chunk(4)
        weights |= {
            f"{ours}.weight_ih_l0": gates[:, :inputs],
            f"{ours}.weight_hh_l0": gates[:, inputs:],
            f"{ours}.bias_ih_l0": torch.cat((into, forget + 1, new, out)),
            f"{ours}.bias_hh_l0": torch.zeros_like(bias),
        }
    return weights
