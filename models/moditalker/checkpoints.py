"""MoDiTalker's published files (MoDiTalker specification, sections 12 and 14.6).

| file | holds | becomes |
|---|---|---|
| `autoencoder_rgb.pth`, or a training's `model_last.pth` | the auto-encoder of pictures | rgb_autoencoder, rgb_autoencoder_gan |
| `autoencoder_motion.pth`, or the like | the auto-encoder of landmarks | motion_autoencoder |

Our networks bear the published names.
"""

from pathlib import Path

import torch
from torch import Tensor

from models.checkpoints import PublishedFile, check_fit, read_state_dict
from models.moditalker.autoencoder import VideoAutoencoder
from models.moditalker.timesformer import space_scales, time_frequencies
from toolkit.errors import InputError

# The auto-encoders.

_DRIVE = "https://drive.google.com/file/d/"
_RGB = PublishedFile(
    "", ("autoencoder_rgb.pth", "model_last.pth"), pages=(f"{_DRIVE}1KQ7XKl5HLP79Ri7A33VHfn7Tvnwz3v9o/view",)
)
_MOTION = PublishedFile(
    "", ("autoencoder_motion.pth", "model_last.pth"), pages=(f"{_DRIVE}1b9s5TbCaj5hz-luw7abgLYOF2Ph3jKrv/view",)
)

PUBLISHED = {"rgb_autoencoder": _RGB, "rgb_autoencoder_gan": _RGB, "motion_autoencoder": _MOTION}

_IGNORED = "coords"  # a buffer that nothing uses


def convert_autoencoder(path: str | Path) -> dict[str, Tensor]:
    """State dict of `VideoAutoencoder` from a published file; both auto-encoders are alike.

    Raises InputError where the tensors are not those of the published network, or its angles are others than ours.
    """
    tensors = {name.removeprefix("module."): value for name, value in read_state_dict(path).items()}
    width = 64
    computed = {}
    for part in ("encoder", "decoder"):
        computed[f"{part}.frame_rot_emb.inv_freqs"] = time_frequencies(width)
        computed[f"{part}.image_rot_emb.scales"] = space_scales(width)
    weights = {name: value for name, value in tensors.items() if name not in computed and name != _IGNORED}
    check_fit(weights, VideoAutoencoder, {}, path)
    for name, ours in computed.items():
        if name in tensors and not _alike(tensors[name], ours):
            raise InputError(path, f"has other angles than the published network ({name})", "Give a published file")
    return weights


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one.float(), other, rtol=0, atol=1e-5)
