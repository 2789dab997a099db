"""The folder that a GPU machine gets: clips as stacks of pictures, landmarks and mel features, and the systems' settings.

`clips.json` names the clips of each part and holds the systems' sampling options; of each clip there are `{clip}.view.npz`
(`toolkit.media.stack`), `{clip}.npz` (the transform) and `{clip}.npy` (mel features).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.gpu.systems import Shapes
from models.system import Clip
from toolkit.files import read_json, write_json

PARTS = ("speakers", "speaker held out", "talkers", "talkers held out")
SIZE = 128
"""Pixels on a side of the views: what `small` works at."""


def clip_of(folder: Path, name: str) -> Clip:
    """A clip by the names of its files."""
    suffixes = {"view": ".view.npz", "transform": ".npz", "speech": ".npy"}
    return Clip(name, {kind: folder / f"{name}{suffix}" for kind, suffix in suffixes.items()})


def write_list(folder: Path, clips: dict[str, list[str]], options: dict[str, dict]) -> None:
    """`clips.json`: names by part, and each system's sampling options."""
    write_json(folder / "clips.json", {"clips": clips, "options": options})


@dataclass(frozen=True)
class Prepared:
    """The folder's content."""

    folder: Path

    @cached_property
    def _content(self) -> dict:
        return read_json(self.folder / "clips.json")

    def clips(self, part: str) -> list[Clip]:
        """The clips of one of PARTS."""
        return [clip_of(self.folder, name) for name in self._content["clips"][part]]

    def options(self, system: str) -> dict:
        """A system's sampling options with all defaults."""
        return dict(self._content["options"][system])


def speech_of(clip: Clip) -> np.ndarray:
    """Its features, first axis time."""
    return np.load(clip["speech"], allow_pickle=False)


def published_clip(clip: Clip, folder: Path, name: str, frames: int, shapes: Shapes) -> Clip:
    """A clip of `frames` frames with files of these shapes: landmarks of a real one round and round, and random numbers for
    speech and latents, which speed does not depend on. Its view is the real one's."""
    from safetensors.numpy import save_file

    from toolkit.files import write_npy, write_npz

    random = np.random.default_rng(0)
    rows, *shape = shapes.speech
    files = {"view": clip["view"], "transform": folder / f"{name}.npz", "speech": folder / f"{name}.npy"}
    around = np.arange(frames) % len(clip.points)
    ok = np.ones(frames, bool)
    write_npz(files["transform"], points=clip.points[around], size=np.array(clip.size), ok=ok)
    write_npy(files["speech"], random.standard_normal((rows * frames, *shape), np.float32))
    if shapes.latents:
        files["latents"] = folder / f"{name}.safetensors"
        latents = {
            kind: random.standard_normal((frames, *shape), np.float32).astype(shapes.kind)
            for kind, shape in shapes.latents.items()
        }
        save_file(latents, files["latents"])
    return Clip(name, files)
