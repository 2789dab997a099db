"""A system as the workflow trained it, for what is measured on its samples."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.gpu.prepare import system_options
from models.registry import get_system
from models.system import Clip, Request, Sampler, System

PAINTED = 0.5  # of a mask's weights, from which on a pixel counts as painted


@dataclass(frozen=True)
class Trained:
    """The networks of a system in the workflow's folder `results`, trained at a preset on an entry of speech features."""

    results: Path
    name: str
    preset: str
    speech: str

    @property
    def system(self) -> System:
        return get_system(self.name)

    def options(self, **chosen: object) -> dict:
        """Sampling options: the defaults, but for those that are chosen."""
        return {**system_options(self.name), "preset": self.preset, **chosen}

    def sampler(self, **chosen: object) -> Sampler:
        """The networks with the default options, but for those that are chosen."""
        folder = self.results / "models" / self.name
        weights = {stage: folder / f"{stage}.safetensors" for stage in self.system.stages}
        return self.system.part("sampling").load(weights, self.preset, self.options(**chosen))

    def clip(self, name: str) -> Clip:
        """A clip of the workflow with what the system sees of it."""
        files = {"view": self.results / self.system.view / f"{name}.mp4"}
        files |= {"transform": files["view"].with_suffix(".npz"), "speech": self.features(name)}
        return Clip(name, files)

    def features(self, name: str) -> Path:
        """The clip's speech features."""
        return self.results / f"features/{self.speech}/{name}.npy"

    def request(self, name: str, frames: int) -> Request:
        """The first `frames` pictures of a clip that speaks its own words."""
        clip = self.clip(name)
        speech = np.load(clip["speech"], mmap_mode="r", allow_pickle=False)
        total = len(clip.ok)
        length = min(frames, total)
        return Request(clip, speech[: len(speech) * length // total], length)

    def painted(self, clip: Clip, numbers: Iterable[int], size: int) -> np.ndarray:
        """(n, size, size) bool: where the sampled pictures of these frames count."""
        points, stored, options = clip.points, clip.size, self.options()
        masks = [self.system.mask(points[number], stored, options) for number in numbers]
        return np.stack([cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA) for mask in masks]) > PAINTED


def sampled(sampler: Sampler, request: Request, seed: int = 0) -> np.ndarray:
    """(length, size, size, 3) uint8: the pictures of a request."""
    sampler.prepare(request)
    return np.stack([picture.rgb for _, picture in sampler.sample([request], seed)])
