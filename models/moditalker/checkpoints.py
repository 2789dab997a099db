"""MToV's published UNet, and what users trained with the published code (MoDiTalker specification, sections 12 and 14.6).

| file | holds | becomes |
|---|---|---|
| `diffusion_model.pth`, or a training's `ema_model_<iteration>.pth` | the UNet of either width, and parts without use | mtov |

Our network bears the published names without their prefix.
"""

import re
from pathlib import Path

from torch import Tensor

from models.checkpoints import PublishedFile, check_fit, read_state_dict, strip_prefix
from models.moditalker.unet import PlaneUNet
from toolkit.errors import InputError

PUBLISHED = {
    # Taken off the authors' page: only who has it can give it. A training's own file is given under the first name.
    "mtov": PublishedFile("", ("diffusion_model.pth",), licence="not stated"),
}

PREFIX = "diffusion_model."
UNUSED = re.compile(r"output_bg_(blocks|attns)\.|zeros$")
"""Parameters and a buffer in the files, without the prefix, that nothing uses."""


def convert_mtov(path: str | Path) -> dict[str, Tensor]:
    """State dict of `PlaneUNet` from a published file; its width is that of the file.

    Raises InputError where the file is another one, or its tensors are not those of the published network at its width.
    """
    tensors = strip_prefix(
        {name.removeprefix("module."): value for name, value in read_state_dict(path).items()}, PREFIX
    )
    if not tensors:
        raise InputError(path, f"holds no {PREFIX}*, the names of MToV's UNet", f"Give {PUBLISHED['mtov'].names[0]}")
    weights = {name: value for name, value in tensors.items() if not UNUSED.match(name)}
    check_fit(weights, PlaneUNet, {"width": unet_width(weights) or 128}, path)
    return weights


def unet_width(weights: dict[str, Tensor]) -> int | None:
    """The width of the `PlaneUNet` that weights are of; None where they are not of one."""
    first = weights.get("time_embed.0.weight")
    return first.shape[1] if first is not None and first.ndim == 2 else None
