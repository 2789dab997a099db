"""Training clips for MToV's auto-encoders (MoDiTalker specification, sections 6.1, 14.1, 14.3 and 14.4)."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from models.moditalker.clips import raster_clip, video_clip
from models.pictures import MEMORY, Pictures, to_pixels, to_tensor
from models.system import Clip
from toolkit.errors import InputError
from toolkit.log import logger


class VideoData:
    """Consecutive frames of a clip from any that has enough after it; each start in each clip as likely as any other.

    What is seen is the `view`.
    """

    def __init__(self, clips: Sequence[Clip], size: int, frames: int, memory: int = MEMORY) -> None:
        self.clips, self.ends = _long_enough(clips, frames)
        self.size, self.frames = size, frames
        self._prepare(memory)

    def batch(self, random: np.random.Generator, size: int) -> dict[str, Tensor]:
        """video (n, 3, frames, size, size) in [-1, 1]."""
        return {"video": torch.stack([self._item(int(n)) for n in random.integers(self.ends[-1], size=size)])}

    def _item(self, number: int) -> Tensor:
        clip = int(np.searchsorted(self.ends, number, side="right"))
        first = number - (int(self.ends[clip - 1]) if clip else 0)
        return self._clip(clip, range(first, first + self.frames))

    def _prepare(self, memory: int) -> None:
        self.pictures = Pictures(self.clips, self.size, _resized, memory)

    def _clip(self, clip: int, numbers: range) -> Tensor:
        return to_tensor(self.pictures.frames(clip, numbers)).movedim(1, 0)


class RasterData(VideoData):
    """The same frames' landmarks as MToV sees them: `raster` is `models.moditalker.clips.raster_clip`, or that with options."""

    def __init__(
        self,
        clips: Sequence[Clip],
        size: int,
        frames: int,
        raster: Callable[[np.ndarray, int, int], Tensor] = raster_clip,
    ) -> None:
        self.raster = raster
        super().__init__(clips, size, frames)

    def _prepare(self, memory: int) -> None:
        self.points, self.sides = [clip.points for clip in self.clips], [clip.size for clip in self.clips]

    def _clip(self, clip: int, numbers: range) -> Tensor:
        return self.raster(self.points[clip][numbers], self.sides[clip], self.size)


def _resized(picture: np.ndarray, size: int) -> np.ndarray:
    """As `video_clip` does, in whole levels."""
    return to_pixels(video_clip([picture], size).movedim(1, 0))[0]


def _long_enough(clips: Sequence[Clip], frames: int) -> tuple[list[Clip], np.ndarray]:
    """Clips of `frames` frames or more, and the running sum of their starts; InputError where there is none."""
    starts = [len(clip.ok) - frames + 1 for clip in clips]
    kept = [(clip, count) for clip, count in zip(clips, starts, strict=True) if count > 0]
    if len(kept) < len(clips):
        names = ", ".join(clip.name for clip, count in zip(clips, starts, strict=True) if count <= 0)
        logger.warning("clips with fewer than %d frames are left out: %s", frames, names)
    if not kept:
        raise InputError("training clips", f"none has {frames} frames", "Give longer clips")
    return [clip for clip, _ in kept], np.cumsum([count for _, count in kept])
