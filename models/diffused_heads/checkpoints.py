"""Diffused Heads' published checkpoints, and what their tensors show of the network (specification, sections 4.6 and 8).

| file | holds | becomes |
|---|---|---|
| `crema_script.pt` (demo, in a zip with the speech encoder's) | TorchScript program, read and not run | network |
| the CREMA checkpoint (training branch) | Lightning: `unet.*`, and the same again as `diffusion.nn_backbone.*` | network |

Our networks bear the published names without the trainer's prefix. Google Drive keeps the files for people alone, so they
are placed by hand, the demo's also as the zip that they come in. The speech encoder is `models.speech.checkpoints`'.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoints import PublishedFile, check_fit, read_hyper_parameters, read_state_dict, strip_prefix
from models.diffused_heads.unet import UNet
from models.torchscript import is_torchscript, read_numbers
from toolkit.errors import InputError
from toolkit.log import logger

_DEMO = "https://drive.google.com/file/d/1U90egQvzERHclTYPCjZadrEMyF7TAPa-/view"
_TRAINING = "https://drive.google.com/file/d/1QiUbnV4MfCYXTtICinDW4Frd_di7xphx/view"
_LICENCE = "CC BY-NC-SA 4.0"

# By what each file makes. Their digests are not published; what the Lightning checkpoint is called is not known either.
PUBLISHED = {
    "unet": PublishedFile("", ("crema_script.pt", "crema.ckpt"), licence=_LICENCE, pages=(_DEMO, _TRAINING)),
}

HEAD_WIDTH = 64  # channels of a published attention head
_CHANNELS = 3  # of a picture


def describe(
    tensors: Mapping[str, Tensor], *, motion_frames: int = 2, audio_window: int = 5, subject: str | Path = "weights"
) -> dict:
    """Arguments of `UNet` as a network's tensors show them, named and shaped as published.

    What they do not show is left out (heads, dropout, the picture's size) or must be known: how many frames the channels
    of motion are, and how many embeddings the speech. Raises InputError where they are another network's.
    """
    try:
        return _described({name: tuple(value.shape) for name, value in tensors.items()}, motion_frames, audio_window)
    except LookupError as error:
        problem = f"is no network of Diffused Heads: {error.args[0]} is missing, or has another shape"
        raise InputError(subject, problem, "Give one of the published files, or weights trained here") from error


def _described(shapes: Mapping[str, tuple[int, ...]], motion_frames: int, audio_window: int) -> dict:
    def size(name: str, axis: int = 0) -> int:
        if len(shapes.get(name, ())) <= axis or not shapes[name][axis]:
            raise LookupError(name)
        return shapes[name][axis]

    width = size("time_embed.fc.0.weight", 1)
    # Every level but the outermost ends, on the way up, in a residual block that is no stage's first.
    upward = {name.split(".")[1] for name in shapes if name.startswith("output_blocks.")}
    ends = sum(f"output_blocks.{stage}.{place}.in_layers.0.weight" in shapes for stage in upward for place in (1, 2))
    blocks = len(upward) // (ends + 1) - 1
    firsts = [f"input_blocks.{1 + level * (blocks + 1)}." for level in range(ends + 1)]
    motion_channels, rest = divmod(size("input_blocks.0.0.weight", 1) - 2 * _CHANNELS, motion_frames)
    if rest or motion_channels not in (1, 3):
        raise LookupError("input_blocks.0.0.weight")
    audio_width, rest = divmod(size("audio_embed.0.weight", 1), audio_window)
    if rest:
        raise LookupError("audio_embed.0.weight")
    settings = {
        "width": width,
        "multipliers": tuple(size(f"{first}0.out_layers.3.weight") // width for first in firsts),
        "blocks": blocks,
        "attention": tuple(level for level, first in enumerate(firsts) if f"{first}1.proj_out.weight" in shapes),
        "audio_width": audio_width,
        "audio_window": audio_window,
        "motion_frames": motion_frames,
        "motion_channels": motion_channels,
        "out_channels": size("out.2.weight"),
        "audio_condition": _audio_condition(shapes),
    }
    if settings["audio_condition"] == "attention":
        settings["size"] = round(size("middle_block.1.audio_emb_proj.weight") ** 0.5) * 2**ends
    return settings


def _audio_condition(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """How speech modulates a residual block: by as many values as time has (two a channel), by one a channel, or not itself."""
    block = "input_blocks.1.0."
    if f"{block}audio_emb_layers.1.weight" in shapes:
        as_time = shapes[f"{block}audio_emb_layers.1.weight"] == shapes.get(f"{block}t_emb_layers.1.weight")
        return "double_pre_gn" if as_time else "post_gn"
    return "attention" if "middle_block.1.audio_emb_proj.weight" in shapes else "pre_gn"


def convert(stage: str, path: str | Path) -> dict[str, Tensor]:
    """State dict of our network from a published file; `stage` is a key of `PUBLISHED`.

    Raises InputError where the file is another one or its tensors are not those of the network.
    """
    return _unet(Path(path))


def _unet(path: Path) -> dict[str, Tensor]:
    tensors = read_state_dict(path)
    weights, again = strip_prefix(tensors, "unet."), strip_prefix(tensors, "diffusion.nn_backbone.")
    if again and not (
        weights.keys() == again.keys() and all(torch.equal(weights[name], again[name]) for name in again)
    ):
        raise InputError(path, "holds its network twice, and the two differ", "Give the published checkpoint")
    weights = weights or tensors
    check_fit(weights, UNet, describe(weights, subject=path), path)
    _warn_of_heads(weights, path)
    return weights


def heads(path: str | Path) -> dict[str, int | None]:
    """`heads` and `head_width` of `UNet` as a published file names them; {} where it does not.

    A Lightning checkpoint keeps them as hyper-parameters, a scripted (not a traced) program in its attention blocks.
    """
    settings = read_numbers(path) if is_torchscript(path) else read_hyper_parameters(path)
    width = settings.get("num_head_channels")
    if isinstance(width, int) and width > 0:
        return {"heads": None, "head_width": width}
    names = ("num_heads", *(f"middle_block.1.{name}" for name in ("num_heads", "n_heads", "heads")))
    counts = [settings[name] for name in names if isinstance(settings.get(name), int)]
    return {"heads": counts[0], "head_width": None} if counts else {}


def _warn_of_heads(weights: dict[str, Tensor], path: Path) -> None:
    """Other attention heads than the published show in no tensor, and would only make wrong pictures."""
    channels = len(weights["middle_block.1.proj_out.weight"])
    found = heads(path)
    count = found and (found["heads"] or channels // found["head_width"])
    if count and count != channels // HEAD_WIDTH:
        logger.warning("%s: trained with %d attention heads; set `sampling: {heads: %d}`", path, count, count)
