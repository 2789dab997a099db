"""MoDiTalker's published files, and what users trained with the published code (MoDiTalker specification, sections 12 and 14.6).

| file | holds | becomes |
|---|---|---|
| `atom.pt` | AToM as it was last, its running average, an optimiser | atom |
| `autoencoder_rgb.pth`, or a training's `model_last.pth` | the auto-encoder of pictures | rgb_autoencoder, rgb_autoencoder_gan |
| `autoencoder_motion.pth`, or the like | the auto-encoder of landmarks | motion_autoencoder |
| `diffusion_model.pth`, or a training's `ema_model_<iteration>.pth` | MToV's UNet of either width, and parts without use | mtov |

Our networks bear the published names, the UNet without their prefix.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoints import PublishedFile, check_fit, check_names, published_shapes, read_state_dict, strip_prefix
from models.moditalker.atom import UNUSED, MotionDecoder
from models.moditalker.autoencoder import VideoAutoencoder
from models.moditalker.timesformer import space_scales, time_frequencies
from models.moditalker.unet import PlaneUNet
from toolkit.errors import InputError

_DRIVE = "https://drive.google.com/file/d/"
_RGB = PublishedFile(
    "", ("autoencoder_rgb.pth", "model_last.pth"), pages=(f"{_DRIVE}1KQ7XKl5HLP79Ri7A33VHfn7Tvnwz3v9o/view",)
)

# By what each file makes. No digest is published.
PUBLISHED = {
    "atom": PublishedFile("", ("atom.pt",), pages=(f"{_DRIVE}1nxKqaScFIGuNoK5Y5Jq4zeWxJ55sUw_E/view",)),
    "rgb_autoencoder": _RGB,
    "rgb_autoencoder_gan": _RGB,
    "motion_autoencoder": PublishedFile(
        "", ("autoencoder_motion.pth",), pages=(f"{_DRIVE}1b9s5TbCaj5hz-luw7abgLYOF2Ph3jKrv/view",)
    ),
    # Taken off the authors' page: only who has it can give it. A training's own file is given under this name.
    "mtov": PublishedFile("", ("diffusion_model.pth",)),
}

PREFIX = "diffusion_model."
UNUSED_BY_UNET = re.compile(r"output_bg_(blocks|attns)\.|zeros$")
"""Parameters and a buffer in the UNet's files, without the prefix, that nothing uses."""

_CLOSE = 1e-5  # by what computed buffers may differ
_FREQUENCIES = "rotary.freqs"
_HEAD_WIDTH = 64  # of the published auto-encoders
_IGNORED = "coords"  # a buffer of theirs that nothing uses


def convert(stage: str, path: str | Path, *, averaged: bool = False) -> dict[str, Tensor]:
    """State dict of our network from a published file; `stage` is a key of `PUBLISHED`.

    `averaged` takes AToM's running average; published sampling takes the weights as they were trained last. Raises
    InputError where the file is another one, and where its tensors are not those of the published networks.
    """
    if stage == "atom":
        return _atom(read_state_dict(path, "ema_state_dict" if averaged else "model_state_dict"), path)
    return (_unet if stage == "mtov" else _autoencoder)(read_state_dict(path), path)


def _atom(tensors: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    kept = {name: value for name, value in _without_wrapper(tensors).items() if not UNUSED.match(name)}
    frequencies = {name: value for name, value in kept.items() if name.endswith(_FREQUENCIES)}
    weights = {name: value for name, value in kept.items() if name not in frequencies}
    check_names(weights, published_shapes(MotionDecoder), path)
    width = weights["to_time_cond.0.weight"].shape[0]
    _check_computed(frequencies, dict.fromkeys(frequencies, 10_000 ** -(torch.arange(0, width, 2) / width)), path)
    return weights


def _autoencoder(tensors: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    computed = {}
    for part in ("encoder", "decoder"):
        computed[f"{part}.frame_rot_emb.inv_freqs"] = time_frequencies(_HEAD_WIDTH)
        computed[f"{part}.image_rot_emb.scales"] = space_scales(_HEAD_WIDTH)
    tensors = _without_wrapper(tensors)
    weights = {name: value for name, value in tensors.items() if name not in computed and name != _IGNORED}
    check_fit(weights, VideoAutoencoder, {}, path)
    _check_computed({name: tensors[name] for name in computed if name in tensors}, computed, path)
    return weights


def _unet(tensors: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    tensors = strip_prefix(_without_wrapper(tensors), PREFIX)
    if not tensors:
        raise InputError(path, f"holds no {PREFIX}*, the names of MToV's UNet", f"Give {PUBLISHED['mtov'].names[0]}")
    weights = {name: value for name, value in tensors.items() if not UNUSED_BY_UNET.match(name)}
    check_fit(weights, PlaneUNet, {"width": unet_width(weights) or 128}, path)
    return weights


def unet_width(weights: Mapping[str, Tensor]) -> int | None:
    """The width of the `PlaneUNet` that weights are of; None where they are not of one."""
    first = weights.get("time_embed.0.weight")
    return first.shape[1] if first is not None and first.ndim == 2 else None


def _without_wrapper(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by their names without the prefix that trainings on several GPUs give them."""
    return {name.removeprefix("module."): value for name, value in tensors.items()}


def _check_computed(buffers: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: str | Path) -> None:
    """Refuse buffers that are not what we compute ourselves."""
    other = [
        name
        for name, value in buffers.items()
        if value.shape != expected[name].shape
        or not torch.allclose(value.float(), expected[name].float(), rtol=0, atol=_CLOSE)
    ]
    if other:
        problem = f"was trained with other positions ({', '.join(other)} differ)"
        raise InputError(path, problem, "Give a checkpoint of the published configuration")
