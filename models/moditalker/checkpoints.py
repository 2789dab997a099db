"""MoDiTalker's published files (specification, sections 12 and 14.6). Our networks bear the published names."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoints import PublishedFile, check_names, published_shapes, read_state_dict
from models.moditalker.atom import UNUSED, MotionDecoder
from toolkit.errors import InputError

# By what each file makes. No digest is published.
PUBLISHED = {
    "atom": PublishedFile(
        "", ("atom.pt",), pages=("https://drive.google.com/file/d/1nxKqaScFIGuNoK5Y5Jq4zeWxJ55sUw_E",)
    ),
}

CLOSE = 1e-5  # by what computed buffers may differ
_FREQUENCIES = "rotary.freqs"


def convert(stage: str, path: str | Path, *, averaged: bool = False) -> dict[str, Tensor]:
    """State dict of our network from a published file; `stage` is a key of `PUBLISHED`.

    `averaged` takes AToM's running average; published sampling takes the weights as they were trained last. Raises
    InputError where the file is another one, and where its tensors are not those of the published networks.
    """
    return _CONVERTERS[stage](Path(path), averaged)


def _atom(path: Path, averaged: bool) -> dict[str, Tensor]:
    tensors = without_wrapper(read_state_dict(path, "ema_state_dict" if averaged else "model_state_dict"))
    kept = {name: value for name, value in tensors.items() if not UNUSED.match(name)}
    frequencies = {name: value for name, value in kept.items() if name.endswith(_FREQUENCIES)}
    weights = {name: value for name, value in kept.items() if name not in frequencies}
    check_names(weights, published_shapes(MotionDecoder), path)
    width = weights["to_time_cond.0.weight"].shape[0]
    check_computed(frequencies, 10_000 ** -(torch.arange(0, width, 2) / width), path)
    return weights


def without_wrapper(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by their names without the prefix that trainings on several GPUs give them."""
    return {name.removeprefix("module."): value for name, value in tensors.items()}


def check_computed(buffers: Mapping[str, Tensor], expected: Tensor, path: str | Path) -> None:
    """Refuse buffers that are not `expected`, which we compute ourselves."""
    other = [
        name
        for name, value in buffers.items()
        if value.shape != expected.shape or not torch.allclose(value.float(), expected.float(), rtol=0, atol=CLOSE)
    ]
    if other:
        problem = f"was trained with other positions ({', '.join(other)} differ)"
        raise InputError(path, problem, "Give a checkpoint of the published configuration")


_CONVERTERS = {"atom": _atom}
