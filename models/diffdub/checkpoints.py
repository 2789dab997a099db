"""DiffDub's published checkpoints: what a file is follows from its keys (specification, section 9).

| file | keys | becomes |
|---|---|---|
| stage 1 | `model.*`, `ema_model.*` with a 6-channel first convolution, the noise buffer `x_T` | renderer (EMA) |
| diffae's FFHQ256 auto-encoder | the same with a 3-channel first convolution | start of the renderer's training |
| stage 2 | `seq2seq.encoder.*` | sequence generator |

Our networks bear the published names without the trainer's prefix.
"""

from pathlib import Path

import torch
from torch import Tensor

from models.checkpoints import PublishedFile, check_names, published_shapes, read_state_dict, strip_prefix
from models.diffdub.renderer import Renderer
from models.diffdub.sequence import SequenceGenerator
from toolkit.errors import InputError

_FOLDER = "https://huggingface.co/taocode/diffdub/resolve/main/assets/checkpoints"
_LICENCE = "Apache-2.0; its README adds: for academic use"

# By what each file makes: the two training stages, and the start of the first. Their digests are not published.
PUBLISHED = {
    "renderer": PublishedFile(_FOLDER, ("stage1_state_dict.ckpt", "stage1.ckpt"), licence=_LICENCE),
    "sequence": PublishedFile(_FOLDER, ("stage2_state_dict.ckpt", "stage2.ckpt"), licence=_LICENCE),
    "diffae": PublishedFile(
        _FOLDER, ("diffae_ffhq_last.ckpt",), licence="MIT (code); trained on FFHQ, which has terms of its own"
    ),
}

_FIRST_CONVOLUTION = "input_blocks.0.0.weight"


def kind(tensors: dict[str, Tensor]) -> str | None:
    """Which key of `PUBLISHED` a file's table of tensors belongs to, or None."""
    if any(name.startswith("seq2seq.encoder.") for name in tensors):
        return "sequence"
    first = tensors.get(f"ema_model.{_FIRST_CONVOLUTION}")
    if first is None or first.ndim != 4:
        return None
    return {6: "renderer", 3: "diffae"}.get(first.shape[1])


def from_diffae(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A renderer's weights that start from diffae's auto-encoder (its EMA weights, names without prefix).

    Its first convolution sees the noisy image's 3 channels, ours those and the reference's 3: the kernel goes to the
    first half and the reference half is zero, so that the start computes what diffae computed. (The published
    training left the whole convolution random: specification, section 6.1.)
    """
    kernel = tensors[_FIRST_CONVOLUTION]
    return {**tensors, _FIRST_CONVOLUTION: torch.cat([kernel, torch.zeros_like(kernel)], dim=1)}


def convert(stage: str, path: str | Path) -> dict[str, Tensor]:
    """State dict of our network from a published file.

    `stage` is a key of `PUBLISHED`: "renderer" and "sequence" give trained weights, "diffae" a renderer to start
    training from. Raises InputError where the file is another one or its tensors are not those of the published
    network.
    """
    tensors = read_state_dict(path)
    found = kind(tensors)
    if found != stage:
        wanted = " or ".join(PUBLISHED[stage].names)
        problem = f"is DiffDub's {found} file" if found else "is none of DiffDub's checkpoints"
        raise InputError(path, f"{problem}, where its {stage} file is needed", f"Give {wanted}")
    weights = strip_prefix(tensors, "seq2seq." if stage == "sequence" else "ema_model.")
    if stage == "diffae":
        weights = from_diffae(weights)
    check_names(weights, published_shapes(SequenceGenerator if stage == "sequence" else Renderer), path)
    return weights
