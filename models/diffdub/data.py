"""DiffDub's training samples, of the workflow's files (DiffDub specification, sections 6.1 and 6.2)."""

from collections.abc import Sequence

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from models.diffdub import window
from models.diffdub.augmentation import augment
from models.diffdub.presets import RendererPreset
from models.pictures import MEMORY, Pictures, to_tensor, with_faces
from models.speech.rows import rows_per_frame
from models.system import Clip

LATENTS = "lips"  # the name of the latents in a clip's file of them


class RendererData:
    """Stage 1: a frame, its mouth window, what the encoder sees of it, and another random frame of its clip.

    Only frames with a face are taken; a clip needs two of them.
    """

    def __init__(self, clips: Sequence[Clip], preset: RendererPreset, *, augmented: bool, memory: int = MEMORY) -> None:
        self.clips, self.seen = with_faces(clips)
        self.size, self.augmented = preset.size, augmented
        self.keep = window.WINDOWS[preset.window].keep
        self.points = [clip.points for clip in self.clips]
        self.sizes = [clip.size for clip in self.clips]
        self.ends = np.cumsum([len(seen) for seen in self.seen])
        self.pictures = Pictures(self.clips, preset.size, window.resize_frame, memory)

    def __len__(self) -> int:
        """Frames that can be taken."""
        return int(self.ends[-1])

    def batch(self, random: np.random.Generator, size: int) -> dict[str, Tensor]:
        """target, reference, lips (n, 3, h, w) in [-1, 1] and keep (n, 1, h, w): 0 in the mouth window, 1 outside."""
        items = [self._item(int(number), random) for number in random.integers(len(self), size=size)]
        target, reference, lips, keep = (np.stack(parts) for parts in zip(*items, strict=True))
        return {
            "target": to_tensor(target),
            "reference": to_tensor(reference),
            "lips": to_tensor(lips),
            "keep": torch.from_numpy(keep)[:, None],
        }

    def _item(self, number: int, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        clip = int(np.searchsorted(self.ends, number, side="right"))
        seen = self.seen[clip]
        place = number - (self.ends[clip] - len(seen))
        other = (place + random.integers(1, len(seen))) % len(seen)
        target, reference = self.pictures.frames(clip, seen[[place, other]])
        points = window.scale_landmarks(self.points[clip][seen[place]], self.sizes[clip], self.size)
        lips = window.encoder_crop(target, points)
        if self.augmented:
            lips = augment(lips, random)
        return target, reference, lips, self.keep(points, self.size)


class SequenceData:
    """Stage 2: speech, the lip latents that go with it, and the latents that follow as references.

    A clip of N frames gives n = min(`length`, N - `references`) frames from a random start; its references are the
    frames after them. A clip under twice the references gives all N, and its references go on from its beginning, round
    and round. All items of a batch have the n of its shortest clip, since the network does not know of padding.
    `held_share` of the items have one latent repeated as references, as in one-shot sampling. Speech enters the network
    only as attention queries. With equal references, keys and values differ near the ends alone, where convolutions are
    padded: the network makes use of that only if it is trained on such items.
    """

    def __init__(self, clips: Sequence[Clip], length: int, references: int, held_share: float) -> None:
        self.length, self.references, self.held_share = length, references, held_share
        self.latents = read_latents(clips)
        self.seen = [clip.ok for clip in clips]
        self.speech = [_speech(clip, len(latents)) for clip, latents in zip(clips, self.latents, strict=True)]
        frames = np.array([len(latents) for latents in self.latents])
        self.share = frames / frames.sum()
        self.most = np.minimum(length, np.where(frames >= 2 * references, frames - references, frames))

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Layers and width of the speech features, and values of a latent."""
        layers, _, width = speech_window(self.speech[0], 0, 1).shape
        return layers, width, self.latents[0].shape[1]

    def batch(self, random: np.random.Generator, size: int) -> dict[str, Tensor]:
        """speech (b, layers, 2n, width), target (b, n, latent), references (b, R, latent), mask (b, n): 1 for a face."""
        chosen = random.choice(len(self.latents), size=size, p=self.share)
        length = int(self.most[chosen].min())
        items = [self._item(int(clip), length, random) for clip in chosen]
        return {name: torch.from_numpy(np.stack([item[name] for item in items])) for name in items[0]}

    def _item(self, clip: int, length: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        latents = self.latents[clip]
        frames = len(latents)
        past = self.references if frames >= 2 * self.references else 0
        start = int(random.integers(frames - length - past + 1))
        stop = start + length
        after = (stop + np.arange(self.references)) % frames
        if random.random() < self.held_share:
            after[:] = random.integers(frames)
        return {
            "speech": speech_window(self.speech[clip], start, length),
            "target": latents[start:stop],
            "references": latents[after],
            "mask": self.seen[clip][start:stop].astype(np.float32),
        }


def speech_window(features: np.ndarray, start: int, frames: int) -> np.ndarray:
    """Features (T, width) or (T, layers, width) of `frames` video frames from `start` on: (layers, 2 frames, width).

    Where the features end early their last frame is repeated.
    """
    part = np.asarray(features[2 * start : 2 * (start + frames)], np.float32)
    part = np.pad(part, [(0, 2 * frames - len(part))] + [(0, 0)] * (part.ndim - 1), mode="edge")
    return np.ascontiguousarray(part.reshape(len(part), -1, part.shape[-1]).swapaxes(0, 1))


def read_latents(clips: Sequence[Clip]) -> list[np.ndarray]:
    """Each clip's lip latents (N, latent) float32."""
    latents = []
    for clip in clips:
        with safe_open(clip["latents"], framework="numpy") as tensors:
            latents.append(tensors.get_tensor(LATENTS))
    return latents


def two_rows(features: np.ndarray, frames: int) -> np.ndarray:
    """Features with two rows for each of `frames` video frames; where there is one it counts twice."""
    return features if rows_per_frame(features, frames) == 2 else features.repeat(2, axis=0)


def _speech(clip: Clip, frames: int) -> np.ndarray:
    """A clip's features, memory-mapped; refused where they and the pictures cannot belong together."""
    return two_rows(np.load(clip["speech"], mmap_mode="r", allow_pickle=False), frames)
