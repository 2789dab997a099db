"""DiffTalk's training samples, of the workflow's files (DiffTalk specification, section 8.1)."""

from collections.abc import Sequence

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from models.difftalk.masks import resized
from models.difftalk.points import condition
from models.difftalk.windows import speech_windows
from models.pictures import MEMORY, Pictures, to_tensor, with_faces
from models.speech.rows import rows_per_frame
from models.system import Clip

GAP = 60  # frames between a frame and its reference, at least, in a clip that is long enough


class FaceData:
    """First stage: pictures of faces, each frame as likely as any other."""

    def __init__(self, clips: Sequence[Clip], size: int, memory: int = MEMORY) -> None:
        self.clips, self.seen = with_faces(clips, least=1)
        self.ends = np.cumsum([len(seen) for seen in self.seen])
        self.pictures = Pictures(self.clips, size, resized, memory)

    def batch(self, random: np.random.Generator, size: int) -> dict[str, Tensor]:
        """image (n, 3, size, size) in [-1, 1]."""
        chosen = [_place(int(number), self.ends) for number in random.integers(self.ends[-1], size=size)]
        frames = [self.pictures.frames(clip, self.seen[clip][[place]])[0] for clip, place in chosen]
        return {"image": to_tensor(np.stack(frames))}


class LatentData:
    """Network: a frame's latents, those of it blacked out, another frame's of its clip, its landmarks and its speech.

    Latents are read from the clips' files, item by item. The reference is chosen anew at every visit, at least 60 frames
    away, or a third of the clip where that is shorter (published: chosen once, and an error in short clips).
    """

    def __init__(self, clips: Sequence[Clip]) -> None:
        self.clips, self.seen = with_faces(clips)
        self.ends = np.cumsum([len(seen) for seen in self.seen])
        self.points = [condition(clip.points, clip.size) for clip in self.clips]
        self.speech = [np.load(clip["speech"], mmap_mode="r", allow_pickle=False) for clip in self.clips]
        for clip, speech in zip(self.clips, self.speech, strict=True):
            rows_per_frame(speech, len(clip.ok))

    @property
    def speech_width(self) -> int:
        """Values of a row of the speech features."""
        return self._windows(0, 0).shape[-1]

    def batch(self, random: np.random.Generator, size: int) -> dict[str, Tensor]:
        """image, masked, reference (n, c, h, w) float32; landmarks (n, 39, 2) in pixels of 256 x 256; speech (n, 8, 16, width)."""
        chosen = [_place(int(number), self.ends) for number in random.integers(self.ends[-1], size=size)]
        items = [self._item(clip, int(self.seen[clip][place]), random) for clip, place in chosen]
        return {name: torch.from_numpy(np.stack([item[name] for item in items])) for name in items[0]}

    def _item(self, clip: int, frame: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        with safe_open(self.clips[clip]["latents"], framework="numpy") as latents:
            image, masked = latents.get_slice("image"), latents.get_slice("masked")
            other = int(random.choice(references(self.seen[clip], frame)))
            item = {"image": image[frame], "masked": masked[frame], "reference": image[other]}
        item = {name: np.asarray(value, np.float32) for name, value in item.items()}
        return item | {"landmarks": self.points[clip][frame], "speech": self._windows(clip, frame)}

    def _windows(self, clip: int, frame: int) -> np.ndarray:
        return speech_windows(self.speech[clip], [frame], len(self.clips[clip].ok))[0]


def references(seen: np.ndarray, frame: int, gap: int = GAP) -> np.ndarray:
    """The frames among `seen` (two or more of a clip, sorted) that may be the reference of one of them: `gap` frames away, or
    a third of what the clip spans where that is less."""
    span = int(seen[-1] - seen[0]) + 1
    return seen[np.abs(seen - frame) >= min(gap, max(span // 3, 1))]


def _place(number: int, ends: np.ndarray) -> tuple[int, int]:
    """Of a number among all that can be taken the clip, and the place within it."""
    clip = int(np.searchsorted(ends, number, side="right"))
    return clip, number - (int(ends[clip - 1]) if clip else 0)
