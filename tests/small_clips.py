"""Small clips in the workflow's files, whose frames are told apart by their brightness."""

from pathlib import Path

import numpy as np
from torch import Tensor

from models.system import Clip, Request, Sampler
from toolkit.faces.geometry import MOUTH
from toolkit.files import write_npy, write_npz
from toolkit.media.writer import write_video


def small_clip(
    folder: Path, name: str, frames: int, size: int = 96, missing: tuple[int, ...] = (), first: int = 8
) -> Clip:
    """A clip with a moving chin and lips, whose frame i has brightness first + 4 i and whose speech row is its number."""
    suffixes = {"view": ".mp4", "transform": ".npz", "speech": ".npy"}
    clip = Clip(name, {kind: folder / f"{name}{suffix}" for kind, suffix in suffixes.items()})
    pictures = (np.full((size, size, 3), min(first + 4 * index, 252), np.uint8) for index in range(frames))
    write_video(clip["view"], pictures, crf=2, intra=True)
    points = np.full((frames, 68, 2), 0.5, np.float32)
    points[:, :17, 0] = np.linspace(0.25, 0.75, 17)
    points[:, :17, 1] = 0.5 + 0.35 * np.sin(np.linspace(0, np.pi, 17))
    points[:, [6, 8, 10, 21, 30]] = [[0.35, 0.75], [0.5, 0.85], [0.65, 0.75], [0.45, 0.35], [0.5, 0.5]]
    points[:, 8, 1] += 0.001 * np.arange(frames)
    points[:, MOUTH, 1] += 0.001 * np.arange(frames)[:, None]
    ok = ~np.isin(np.arange(frames), missing)
    write_npz(clip["transform"], square=np.array([0, 0, size]), size=np.array(size), points=points * size, ok=ok)
    write_npy(clip["speech"], np.arange(2 * frames, dtype=np.float32)[:, None].repeat(80, axis=1))
    return clip


def with_files(clip: Clip, **files: Path) -> Clip:
    """The clip with further files, or others in their place."""
    return Clip(clip.name, {**clip.files, **files})


def pictures(sampler: Sampler, clip: Clip, speech: np.ndarray | None, length: int, seed: int) -> np.ndarray:
    """(length, size, size, 3) what a sampler makes of one request."""
    request = Request(clip, speech, length)
    sampler.prepare(request)
    return np.stack([picture.rgb for _, picture in sampler.sample([request], seed)])


def frame_numbers(images: Tensor, first: int = 8) -> np.ndarray:
    """Which frames pictures (n, 3, h, w) in [-1, 1] show, by their brightness."""
    return np.round((images.mean(dim=(1, 2, 3)).numpy() * 127.5 + 127.5 - first) / 4).astype(int)
