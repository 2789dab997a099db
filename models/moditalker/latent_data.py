"""MToV's training samples: latents of clips of frames, from the workflow's files (MoDiTalker specification, section 14.5)."""

from collections.abc import Sequence

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from models.system import Clip
from toolkit.errors import InputError
from toolkit.log import logger

PARTS = ("image", "masked", "landmarks")


class ClipLatents:
    """Each encoded clip of frames of every video as likely as any other; read from the files item by item.

    The reference is the item's `own` first frame, or `any` that begins an item of its video.
    """

    def __init__(self, clips: Sequence[Clip], reference: str = "own") -> None:
        if reference not in ("own", "any"):
            raise ValueError(f"reference is own or any, not {reference}")
        self.reference = reference
        counts = {clip.name: _count(clip) for clip in clips}
        self.clips = [clip for clip in clips if counts[clip.name]]
        if len(self.clips) < len(clips):
            names = ", ".join(name for name, count in counts.items() if not count)
            logger.warning("clips that show no face for long enough are left out: %s", names)
        if not self.clips:
            raise InputError("training clips", "none shows a face for long enough", "Give longer clips")
        self.ends = np.cumsum([counts[clip.name] for clip in self.clips])

    def batch(self, random: np.random.Generator, size: int) -> dict[str, Tensor]:
        """image, masked, landmarks, reference (n, c, positions) float32 in [-1, 1]."""
        items = [self._item(int(number), random) for number in random.integers(self.ends[-1], size=size)]
        return {name: torch.from_numpy(np.stack([item[name] for item in items])) for name in items[0]}

    def _item(self, number: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        clip = int(np.searchsorted(self.ends, number, side="right"))
        first = int(self.ends[clip - 1]) if clip else 0
        row = other = number - first
        if self.reference == "any":
            other = int(random.integers(self.ends[clip] - first))
        with safe_open(self.clips[clip]["latents"], framework="numpy") as latents:
            item = {name: latents.get_slice(name)[row] for name in PARTS}
            item["reference"] = latents.get_slice("reference")[other]
        return {name: np.asarray(value, np.float32) for name, value in item.items()}


def _count(clip: Clip) -> int:
    """Clips of frames that were encoded of a video."""
    with safe_open(clip["latents"], framework="numpy") as latents:
        return latents.get_slice("starts").get_shape()[0]
