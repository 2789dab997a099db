"""A small data folder as DiffTalk's users have it."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import soundfile

from tests.toolkit.media.synthetic_clips import draw

RATE = 44_100


def logits(rows: int, seed: int = 0) -> np.ndarray:
    """(rows, 29) float32, none of them zero."""
    return np.random.default_rng(seed).normal(3, 1, (rows, 29)).astype(np.float32)


def face(frame: int, size: int = 96) -> np.ndarray:
    """(68, 2) pixels inside a picture, another place for each frame."""
    angle = np.arange(68) / 68 * 2 * np.pi
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * size / 4 + size / 2 + frame % 7


def window(frame: int) -> np.ndarray:
    return np.full((8, 16, 29), frame + 1.0)


def write_lines(path: Path, points: np.ndarray) -> None:
    path.write_text("".join(f"{x:.6f} {y:.6f}\n" for x, y in points))


def write_folder(
    data: Path, identities: dict[int, Iterable[int]], *, sides: dict[str, list[int]] | None = None, suffix: str = ".lms"
) -> Path:
    """`data` with the frames of each identity: pictures that show their number, landmarks, windows, sound in pieces (a tone of
    the frame's number in amplitude), lists and counts."""
    folder = data / "HDTF"
    for kind in ("images", "landmarks", "audio_smooth", "audio_wav"):
        (folder / kind).mkdir(parents=True)
    for identity, frames in identities.items():
        for frame in frames:
            name = f"{identity}_{frame}"
            picture = cv2.imencode(".jpg", draw(frame, 96, 96), [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
            (folder / f"images/{name}.jpg").write_bytes(picture)
            write_lines(folder / f"landmarks/{name}{suffix}", face(frame))
            np.save(folder / f"audio_smooth/{name}.npy", window(frame))
            samples = np.full((RATE // 25, 2), frame / 100)
            soundfile.write(folder / f"audio_wav/{name}.wav", samples, RATE)
    for side, members in (sides or {}).items():
        lines = [f"{identity}_{frame}" for identity in members for frame in identities[identity]]
        (data / f"data_{side}.txt").write_text("\n".join(lines))
    counts = [f"{identity} {len(list(frames))}" for identity, frames in identities.items()]
    (folder / "data.txt").write_text("\n".join(counts))
    return data
