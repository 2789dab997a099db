"""One interface: what a talking-face system is to the rest of the project.

A system is a package in `models/` whose `__init__` makes one `System`; nothing heavier than NumPy and OpenCV is
imported for it, because the workflow reads its facts while it plans. What needs torch is in modules of fixed names:

    training      task(stage, preset, options, clips, weights) -> models.training.Task: one training stage
    encoding      encode(weights, preset, clip, device) -> table of tensors that a later stage learns from (optional)
    sampling      load(weights, preset, options) -> Sampler: the networks, ready to sample
    checkpoints   PUBLISHED and convert(stage, path, **reading): published files (optional); `reading` is what the
                  configuration's block says of them, where it says anything

and `options.schema.yaml` describes the system's block of the configuration. `weights` are files by stem: the stages',
other people's networks', and, where a training starts from given weights, `initial`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, Protocol

import numpy as np

_NOT_OF_CLIPS = ("weights", "initial")  # inputs of a rule that are not files of clips


@dataclass(frozen=True)
class Clip:
    """A clip and the workflow's files of it by kind, as training and sampling read them.

    Every clip has a `view`, the square video of the face that the system sees (`System.view`), whose frames are all key
    frames, and a `transform`, the `.npz` that maps it to the clip: `points` (T, 68, 2) in the view's pixels, `ok` (T,)
    and how the view lies in the clip (`toolkit.faces.view`). Other kinds are what the system's rules name: `speech`
    (features, first axis time), `latents`, ... At sampling `audio` and `speech` are of the clip that speaks.
    """

    name: str
    files: Mapping[str, Path]

    def __getitem__(self, kind: str) -> Path:
        """The file of a kind; KeyError names the kinds that there are."""
        if kind not in self.files:
            raise KeyError(f"clip {self.name} has no file of kind {kind!r}, only {', '.join(sorted(self.files))}")
        return self.files[kind]

    @property
    def points(self) -> np.ndarray:
        """(T, 68, 2) float32 landmarks in the view's pixels."""
        with np.load(self["transform"], allow_pickle=False) as arrays:
            return arrays["points"]

    @property
    def size(self) -> int:
        """Pixels on a side of the pictures in the view."""
        with np.load(self["transform"], allow_pickle=False) as arrays:
            return int(arrays["size"])

    @property
    def ok(self) -> np.ndarray:
        """(T,) bool: False where no face was seen and the landmarks are interpolated."""
        with np.load(self["transform"], allow_pickle=False) as arrays:
            return arrays["ok"]


def clips_from(inputs: Mapping[str, str | Sequence[str]]) -> list[Clip]:
    """The clips behind a rule's named inputs: each name a kind, its files one of each clip in the same order as `view`.

    A folder stands for `folder/{clip}.safetensors`; an empty list for a kind that is not needed. `weights` and `initial`
    are no files of clips.
    """
    kinds = {kind: _listed(files) for kind, files in inputs.items() if kind not in _NOT_OF_CLIPS}
    names = [Path(view).stem for view in kinds["view"]]
    files: list[dict[str, Path]] = [{} for _ in names]
    for kind, paths in kinds.items():
        if not paths:
            continue
        if len(paths) == 1 and Path(paths[0]).is_dir():
            paths = [f"{paths[0]}/{name}.safetensors" for name in names]
        for held, path in zip(files, paths, strict=True):
            held[kind] = Path(path)
    return [Clip(name, held) for name, held in zip(names, files, strict=True)]


def weights_from(inputs: Mapping[str, str | Sequence[str]]) -> dict[str, Path]:
    """A rule's `weights` by stem, and its `initial` where it has one."""
    weights = {Path(path).stem: Path(path) for path in _listed(inputs.get("weights", ()))}
    for path in _listed(inputs.get("initial", ())):
        weights["initial"] = Path(path)
    return weights


def _listed(files: str | Sequence[str]) -> list[str]:
    return [files] if isinstance(files, str) else list(files)


@dataclass(frozen=True)
class Request:
    """One sample: `length` pictures of the clip's view, speaking `speech` (features, first axis time)."""

    clip: Clip
    speech: np.ndarray | None
    length: int


class Picture(NamedTuple):
    """A sampled picture (size, size, 3) RGB uint8 and, where the system brings it, the mask (size, size) uint8 that says
    where it counts: 255 the picture, 0 the source."""

    rgb: np.ndarray
    mask: np.ndarray | None = None


class Sampler(Protocol):
    """A system's networks, loaded once, for any number of requests."""

    def prepare(self, request: Request) -> None:
        """Raise InputError where the request cannot be sampled, before anything is computed."""

    def sample(self, requests: Sequence[Request], seed: int) -> Iterator[tuple[int, Picture]]:
        """Yield (number of the request, picture): each request's `length` pictures in order, the requests in any.

        A request's pictures do not depend on what is sampled beside it.
        """


def _one_at_a_time(options: dict) -> int:
    return 1


def _always(options: dict) -> bool:
    return True


def _none(stage: str, preset: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class System:
    """Facts that the workflow needs to plan, and the way to the modules that need more.

    package        its package, `models.<name>`
    stages         names of its training stages, in order; empty where nothing is learnt
    timeline       (source_frames, length, options) -> (length,) index of the source frame behind each output frame
    mask           (points (68, 2) in view pixels, size, options) -> (size, size) float32: 1 where the system's picture
                   counts, 0 where the source frame stays; None where every picture brings a mask of its own
    view           the folder of results/ whose pictures the system sees and samples: `crops`, one fixed square a clip,
                   or `aligned`, every frame brought to a mean face
    inputs         further files of each clip, results/{input}/{clip}.npz
    pairs_at_once  (sampling options) -> how many pairs one sampling job takes
    speed_options  sampling options that change no picture: they never cause a rerun
    paste_options  sampling options that matter only when the picture is pasted
    pasted         (sampling options) -> whether the pictures are pasted into the source's frames; else they are the video
    networks       (stage, preset) -> names of other people's networks that the stage's training takes
    preset_weights by preset, where its weights come from if the configuration leaves that open: as it would say it itself
    """

    package: str
    stages: tuple[str, ...]
    timeline: Callable[[int, int, dict], np.ndarray]
    mask: Callable[[np.ndarray, int, dict], np.ndarray] | None = None
    view: str = "crops"
    inputs: tuple[str, ...] = ()
    pairs_at_once: Callable[[dict], int] = _one_at_a_time
    speed_options: frozenset[str] = frozenset()
    paste_options: frozenset[str] = frozenset()
    pasted: Callable[[dict], bool] = _always
    networks: Callable[[str, str], tuple[str, ...]] = _none
    preset_weights: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return Path(__file__).parent / self.package.rpartition(".")[2]

    @property
    def brings_masks(self) -> bool:
        """Whether every picture brings a mask of its own (`Picture.mask`)."""
        return self.mask is None

    def picture_options(self, sampling: Mapping[str, object]) -> dict[str, object]:
        """Of the sampling options those that decide the pictures."""
        apart = self.speed_options | self.paste_options
        return {option: value for option, value in sampling.items() if option not in apart}

    def mux_options(self, sampling: Mapping[str, object]) -> dict[str, object]:
        """Those that decide where the pictures go in the frame: all but the speed's."""
        return {option: value for option, value in sampling.items() if option not in self.speed_options}

    def chosen_speed(self, sampling: Mapping[str, object]) -> dict[str, object]:
        """Those that change no picture."""
        return {option: value for option, value in sampling.items() if option in self.speed_options}

    def part(self, name: str) -> ModuleType:
        """One of the modules named above, imported when it is needed and not before."""
        return import_module(f"{self.package}.{name}")
