"""The latents that DiffTalk's network learns from: of every frame, and of it with its lower part blacked out."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoints import load_weights, read_weights
from models.difftalk.first_stage import FirstStage
from models.difftalk.masks import blacked_out, resized
from models.difftalk.points import NOSE_TIP
from models.difftalk.presets import PRESETS
from models.pictures import to_tensor
from models.system import Clip
from toolkit.media.frames import read_frames

BATCH = 16  # frames encoded at once


@lru_cache(maxsize=1)  # a training set's clips are encoded one by one
def load_first_stage(path: Path, preset: str, device: str | torch.device) -> FirstStage:
    """The first stage of a preset with weights from a file, for inference."""
    network = PRESETS["first_stage"][preset].build()
    load_weights(network, read_weights(path), path)
    return network.to(device).eval().requires_grad_(False)


def encode(weights: dict[str, Path], preset: str, clip: Clip, device: str | torch.device) -> dict[str, Tensor]:
    """`image` and `masked` (T, c, h, w) float16 on the CPU: every frame before quantisation, and black from the tip of the nose
    down as the training sees it.

    float16, which halves the files, is a thousandth off; the noise of training is a thousand times that.
    """
    network, size = load_first_stage(weights["first_stage"], preset, device), PRESETS["first_stage"][preset].size
    frames = zip(read_frames(clip["view"]), clip.points, strict=True)
    image, masked = [], []
    while batch := list(islice(frames, BATCH)):
        seen, black = pictures(batch, clip.size, size, NOSE_TIP)
        with torch.inference_mode():
            latents = network.encode(to_tensor(np.concatenate([seen, black])).to(device)).half().cpu()
        image.append(latents[: len(seen)])
        masked.append(latents[len(seen) :])
    return {"image": torch.cat(image).contiguous(), "masked": torch.cat(masked).contiguous()}


def pictures(
    frames: Iterable[tuple[np.ndarray, np.ndarray]], stored: int, size: int, point: int
) -> tuple[np.ndarray, np.ndarray]:
    """Frames with their landmarks in pixels of the stored size -> both (n, size, size, 3) uint8: the frames at the working
    size, and they black from the row of a landmark down."""
    seen, black = [], []
    for frame, points in frames:
        seen.append(resized(frame, size))
        black.append(blacked_out(seen[-1], points, stored, point))
    return np.stack(seen), np.stack(black)
