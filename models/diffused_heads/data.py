"""Diffused Heads' training samples, of the workflow's files (Diffused Heads specification, section 6)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.diffused_heads.conditioning import blurred, motion_numbers, motion_picture, speech_numbers
from models.diffused_heads.presets import Preset
from models.diffused_heads.recipes import Recipe
from models.diffused_heads.speech import embeddings
from models.pictures import MEMORY, Pictures, to_tensor, with_faces
from models.system import Clip
from toolkit.errors import InputError
from toolkit.faces.crop import resize
from toolkit.faces.geometry import MOUTH


class FrameData:
    """A frame to generate, its identity, the frames before it and the speech around it, of a random clip.

    Only frames with a face are generated or show the person; a clip needs two of them. Which frame shows the person is the
    recipe's choice, and so is what happens to the motion frames.
    """

    def __init__(
        self, clips: Sequence[Clip], preset: Preset, recipe: Recipe, pooling: str, *, memory: int = MEMORY
    ) -> None:
        self.clips, self.seen = with_faces(clips)
        self.preset, self.recipe = preset, recipe
        self.lips = [clip.points[:, MOUTH] * np.float32(preset.size / clip.size) for clip in self.clips]
        self.speech = [
            embeddings(_features(clip), len(lips), pooling) for clip, lips in zip(self.clips, self.lips, strict=True)
        ]
        for speech in self.speech:
            if speech.shape[1] != self.audio_width:
                problem = f"{speech.shape[1]} values a frame, but {self.speech[0].origin} holds {self.audio_width}"
                raise InputError(speech.origin, problem, "Make the embeddings of all clips with one encoder")
        self.pictures = Pictures(self.clips, preset.size, resize, memory)

    @property
    def audio_width(self) -> int:
        """Numbers in a speech embedding."""
        return self.speech[0].shape[1]

    def batch(self, random: np.random.Generator, size: int) -> dict[str, Tensor]:
        """target and identity (n, 3, h, w) in [-1, 1], motion (n, frames * channels, h, w), audio (n, window, width),
        lips (n, 20, 2) in pixels of the target."""
        items = [self._item(int(clip), random) for clip in random.integers(len(self.clips), size=size)]
        frames, audio, lips = (np.stack(parts) for parts in zip(*items, strict=True))
        images = to_tensor(frames.reshape(-1, *frames.shape[2:])).unflatten(0, frames.shape[:2])
        return {
            "target": images[:, 0],
            "identity": images[:, 1],
            "motion": self._motion(images[:, 2:], random),
            "audio": torch.from_numpy(audio),
            "lips": torch.from_numpy(lips),
        }

    def _item(self, clip: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Frames (target, identity, motion frames), embeddings and lips of one sample."""
        seen, length = self.seen[clip], len(self.lips[clip])
        if self.recipe.identity == "first":
            identity, target = int(seen[0]), int(random.choice(seen[1:]))
        else:
            identity, target = (int(number) for number in random.choice(seen, size=2, replace=False))
        before = motion_numbers(target, identity, self.preset.motion_frames)
        if random.random() < self.recipe.motion_dropped:
            before[:] = identity
        frames = self.pictures.frames(clip, np.array([target, identity, *before]))
        shown = {"target": target, "identity": identity}[self.recipe.lips]
        return frames, self.speech[clip][speech_numbers(target, length)], self.lips[clip][shown]

    def _motion(self, images: Tensor, random: np.random.Generator) -> Tensor:
        """Motion frames (n, frames, 3, h, w) as the network sees them, disturbed as the recipe says."""
        flat = images.flatten(0, 1)
        if self.recipe.motion_blurred:
            flat = blurred(flat)
        flat = motion_picture(flat, self.preset.motion_channels)
        if self.recipe.motion_noise:
            flat = flat + self.recipe.motion_noise * torch.from_numpy(random.standard_normal(flat.shape, np.float32))
        return flat.unflatten(0, images.shape[:2]).flatten(1, 2)


def _features(clip: Clip) -> np.ndarray:
    return np.load(clip["speech"], mmap_mode="r", allow_pickle=False)
