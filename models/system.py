"""The one door: what a talking-face system is to the rest of the house.

A system is a package in `models/` whose `__init__` makes one `System`; nothing heavier than NumPy and OpenCV is
imported for it, because the workflow asks it for facts while it plans. What needs torch is in modules of fixed names:

    training      task(stage, preset, options, clips) -> models.training.Task: one training stage
    encoding      encode(weights, preset, clip, device) -> tensor that a later stage learns from (optional)
    sampling      load(weights, preset, options) -> Sampler: the networks, ready to draw
    checkpoints   PUBLISHED and convert(stage, path): published files (optional)

and `options.schema.yaml` describes the system's block of the configuration.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class Clip:
    """The workflow's files of one clip, as training and sampling read them.

    `crop` is the system's view of the face (`System.view`), a square video whose frames are all key frames, and
    `transform` the `.npz` beside it: `points` (T, 68, 2) in the view's pixels, `ok` (T,) and how the view lies in the
    clip (`toolkit.faces.view`). `speech` are the features (first axis time), `latents` what an earlier stage made of the
    pictures.
    """

    name: str
    crop: Path
    transform: Path
    speech: Path | None = None
    latents: Path | None = None

    @property
    def points(self) -> np.ndarray:
        """(T, 68, 2) float32 landmarks in the view's pixels."""
        with np.load(self.transform, allow_pickle=False) as arrays:
            return arrays["points"]

    @property
    def size(self) -> int:
        """Pixels on a side of the pictures in `crop`."""
        with np.load(self.transform, allow_pickle=False) as arrays:
            return int(arrays["size"])

    @property
    def ok(self) -> np.ndarray:
        """(T,) bool: False where no face was seen and the landmarks are interpolated."""
        with np.load(self.transform, allow_pickle=False) as arrays:
            return arrays["ok"]


class Sampler(Protocol):
    """A system's networks, loaded once, asked for any number of clips."""

    def frames(self, reference: Clip, speech: np.ndarray | None, length: int, seed: int) -> Iterator[np.ndarray]:
        """Yield `length` RGB uint8 pictures of the reference's view, one by one (batched inside)."""


@dataclass(frozen=True)
class Request:
    """One clip to draw: `length` pictures of the reference, speaking `speech` (the arguments of `Sampler.frames`)."""

    reference: Clip
    speech: np.ndarray | None
    length: int


@runtime_checkable
class SideBySide(Sampler, Protocol):
    """A sampler that makes each picture from the one before it, and keeps a GPU busy by drawing many clips at once."""

    def together(self, requests: list[Request], seed: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (number of the request, RGB uint8 picture) as they are made: each request's `length` pictures in order,
        requests in any. A clip's pictures do not depend on what else is drawn beside it.
        """


@dataclass(frozen=True)
class System:
    """Facts that the workflow needs to plan, and the way to the modules that need more.

    package   its package, `models.<name>`
    stages    names of its training stages, in order; empty where nothing is learnt
    timeline  (source_frames, length, options) -> (length,) index of the source frame behind each output frame
    mask      (points (68, 2) in view pixels, size, options) -> (size, size) float32: 1 where the system's picture counts,
              0 where the source frame stays; or None: the system's picture is the whole video, nothing is pasted
    view      the folder of results/ whose pictures the system sees and draws: `crops`, one fixed square a clip, or
              `aligned`, every frame brought to a mean face
    """

    package: str
    stages: tuple[str, ...]
    timeline: Callable[[int, int, dict], np.ndarray]
    mask: Callable[[np.ndarray, int, dict], np.ndarray | None]
    view: str = "crops"

    @property
    def folder(self) -> Path:
        return Path(__file__).parent / self.package.rpartition(".")[2]

    def part(self, name: str) -> ModuleType:
        """One of the modules named above, imported when it is needed and not before."""
        return import_module(f"{self.package}.{name}")
