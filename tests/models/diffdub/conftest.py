"""Small clips in the workflow's files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.system import Clip
from toolkit.files import write_npy, write_npz
from toolkit.media.writer import write_video


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Clip]:
    """make_clip(name, frames, ...) -> a clip with a moving chin, whose frame i has brightness first + 4 i."""

    def make(name: str, frames: int, size: int = 96, missing: tuple[int, ...] = (), first: int = 8) -> Clip:
        clip = Clip(name, tmp_path / f"{name}.mp4", tmp_path / f"{name}.npz", tmp_path / f"{name}.npy")
        pictures = (np.full((size, size, 3), min(first + 4 * index, 252), np.uint8) for index in range(frames))
        write_video(clip.crop, pictures, crf=2, intra=True)
        points = np.full((frames, 68, 2), 0.5, np.float32)
        points[:, :17, 0] = np.linspace(0.25, 0.75, 17)
        points[:, :17, 1] = 0.5 + 0.35 * np.sin(np.linspace(0, np.pi, 17))
        points[:, [6, 8, 10, 21, 30]] = [[0.35, 0.75], [0.5, 0.85], [0.65, 0.75], [0.45, 0.35], [0.5, 0.5]]
        points[:, 8, 1] += 0.001 * np.arange(frames)
        ok = ~np.isin(np.arange(frames), missing)
        write_npz(clip.transform, square=np.array([0, 0, size]), size=np.array(size), points=points * size, ok=ok)
        write_npy(clip.speech, np.arange(2 * frames, dtype=np.float32)[:, None].repeat(80, axis=1))
        return clip

    return make
