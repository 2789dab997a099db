"""Pictures of clips as training reads them: any frames in any order, and as tensors."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.system import Clip
from toolkit.errors import InputError
from toolkit.log import logger
from toolkit.media.frames import FrameReader, read_frames

MEMORY = 2**30  # bytes of pictures that are kept in memory; a larger set is decoded frame by frame


def with_faces(clips: Sequence[Clip], least: int = 2) -> tuple[list[Clip], list[np.ndarray]]:
    """The clips that show a face in `least` frames or more, and the numbers of those frames; InputError where none does."""
    usable = [(clip, np.flatnonzero(clip.ok)) for clip in clips]
    kept = [(clip, seen) for clip, seen in usable if len(seen) >= least]
    if len(kept) < len(usable):
        names = ", ".join(clip.name for clip, seen in usable if len(seen) < least)
        logger.warning("clips with fewer than %d frames with a face are left out: %s", least, names)
    if not kept:
        raise InputError("training clips", f"none has {least} frames with a face", "Give other clips")
    return [clip for clip, _ in kept], [seen for _, seen in kept]


class Pictures:
    """The face pictures of some clips at a working size. Where all fit into `memory` bytes they are decoded once, else as
    they are needed; every frame of the files is a key frame, so that this costs a frame's decoding.

    `resize` brings a frame (h, w, 3) uint8 to (size, size, 3).
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        size: int,
        resize: Callable[[np.ndarray, int], np.ndarray],
        memory: int = MEMORY,
    ) -> None:
        self.clips, self.size, self.resize = clips, size, resize
        total = sum(len(clip.ok) for clip in clips) * size * size * 3
        self.kept = [self._all(clip) for clip in clips] if total <= memory else None

    def frames(self, clip: int, numbers: Sequence[int]) -> np.ndarray:
        """Frames (n, size, size, 3) uint8 RGB of a clip, both by number."""
        if self.kept is not None:
            return self.kept[clip][numbers]
        with FrameReader(self.clips[clip]["view"]) as reader:
            return np.stack([self.resize(reader[int(number)], self.size) for number in numbers])

    def _all(self, clip: Clip) -> np.ndarray:
        return np.stack([self.resize(frame, self.size) for frame in read_frames(clip["view"])])


def to_tensor(pictures: np.ndarray) -> Tensor:
    """RGB uint8 (n, h, w, 3) -> float32 (n, 3, h, w) in [-1, 1]."""
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


def to_pixels(images: Tensor) -> np.ndarray:
    """Images (n, 3, h, w) in [-1, 1] -> RGB uint8 (n, h, w, 3), rounded."""
    levels = 127.5 * (images.float().clamp(-1, 1) + 1)
    return levels.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def fitted(images: Tensor, size: int) -> Tensor:
    """Images (n, c, h, w) at (n, c, size, size): bilinear, antialiased where they shrink; their aspect is not kept."""
    if images.shape[-2:] == (size, size):
        return images
    return functional.interpolate(images, (size, size), mode="bilinear", antialias=True)
