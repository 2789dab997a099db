"""The workflow's clips as the published code of DiffTalk reads them (`difftalk_files` says what lies where)."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from toolkit.datasets.difftalk_files import LOGITS, NEIGHBOURS, ROWS
from toolkit.errors import InputError
from toolkit.files import atomic_folder, write_text

QUALITY = 97  # of JPEG, with colours at full resolution: of 255 levels real views lose 0.8 on average, 8 at most
SHORTEST = 122  # frames: the published training takes a reference from 60 frames away, and fails where there is none
_PICTURES, _PIXELS, _NORMALISED, _SPEECH = "images", "landmarks", "landmarks_normalised", "audio_smooth"
_SUFFIXES = {_PICTURES: "jpg", _PIXELS: "lms", _NORMALISED: "lms", _SPEECH: "npy"}
# The users' preprocessing keeps the points in pixels under this name, and normalised ones where the network reads pixels.
_SECOND_NAMES = {_PIXELS: "org_landmarks"}


@dataclass(frozen=True)
class ExportedClip:
    """A clip's name and its folder (`write_clip`)."""

    name: str
    folder: Path

    @property
    def frames(self) -> int:
        with os.scandir(self.folder / _PICTURES) as entries:
            return sum(1 for _ in entries)


def check_speech(features: np.ndarray, frames: int, subject: str | Path) -> None:
    """Refuse, about `subject`, features that are not DeepSpeech's, and clips of less than 8 frames.

    features: (2 frames, 29) logits, 50 a second, or windows that are ready, (frames, 16, 29) or (frames, 8, 16, 29).
    """
    if frames < NEIGHBOURS:
        problem = f"has {frames} frames, where each frame's speech is that of {NEIGHBOURS}"
        raise InputError(subject, problem, "Leave the clip out of the table")
    known = [(2 * frames, LOGITS), (frames, ROWS, LOGITS), (frames, NEIGHBOURS, ROWS, LOGITS)]
    if features.shape not in known:
        problem = f"has features of shape {features.shape}, DeepSpeech's are {known[0]} for its {frames} frames"
        raise InputError(subject, problem, "Name an entry of kind deepspeech")


def normalise(points: np.ndarray) -> np.ndarray:
    """Points (68, 2) scaled to 0..1 of their extent in x and in y, as the users' preprocessing leaves them; an axis without
    an extent is 0."""
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    return (points - low) / np.where(extent > 0, extent, 1)


def write_clip(
    folder: str | Path,
    pictures: Iterable[np.ndarray],
    points: np.ndarray,
    windows: Iterable[np.ndarray],
    sound: str | Path,
) -> None:
    """Write a clip's frames into `folder`, which appears whole or not at all: frame i as `images/{i + 1}.jpg`, `landmarks/`,
    `landmarks_normalised/` and `audio_smooth/`, its sound as `sound.wav`.

    pictures: (H, W, 3) uint8 RGB; points: (T, 68, 2) pixels of them; windows: (8, 16, 29) each, kept as float64.
    """
    with atomic_folder(folder) as partial:
        for kind in _SUFFIXES:
            (partial / kind).mkdir()
        for number, (picture, face, window) in enumerate(zip(pictures, points, windows, strict=True), start=1):
            names = {kind: partial / kind / f"{number}.{suffix}" for kind, suffix in _SUFFIXES.items()}
            names[_PICTURES].write_bytes(_jpeg(picture))
            names[_PIXELS].write_text(_lines(face))
            names[_NORMALISED].write_text(_lines(normalise(face)))
            np.save(names[_SPEECH], window.astype(np.float64), allow_pickle=False)
        _link(sound, partial / "sound.wav")


def _jpeg(picture: np.ndarray) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR]
    options.append(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _lines(points: np.ndarray) -> str:
    return "".join(f"{x:.6f} {y:.6f}\n" for x, y in points)


def join_clips(target: str | Path, clips: Sequence[ExportedClip], sides: Mapping[str, Sequence[str]]) -> list[str]:
    """Write the data folder of the published code out of clips, as further names of their files; return the clips that its
    training fails on, for they are too short.

    Clip k, counted from 1, is identity k. sides: the clips to `train` and to `test` with; a clip may be on both.
    """
    numbers = {clip.name: number for number, clip in enumerate(clips, start=1)}
    lengths = {clip.name: clip.frames for clip in clips}
    with atomic_folder(target) as partial:
        folder = partial / "HDTF"
        for kind in (*_SUFFIXES, *_SECOND_NAMES.values(), "audio"):
            (folder / kind).mkdir(parents=True)
        for clip in clips:
            for kind, suffix in _SUFFIXES.items():
                for frame in range(1, lengths[clip.name] + 1):
                    source, name = clip.folder / kind / f"{frame}.{suffix}", f"{numbers[clip.name]}_{frame}.{suffix}"
                    for place in filter(None, (kind, _SECOND_NAMES.get(kind))):
                        _link(source, folder / place / name)
            _link(clip.folder / "sound.wav", folder / f"audio/{numbers[clip.name]}.wav")
        for side, names in sides.items():
            lines = (f"{numbers[name]}_{frame}\n" for name in names for frame in range(1, lengths[name] + 1))
            write_text(partial / f"data_{side}.txt", "".join(lines))
        write_text(folder / "data.txt", "".join(f"{numbers[name]} {lengths[name]}\n" for name in numbers))
        manifest = "".join(f"{number}\t{name}\n" for name, number in numbers.items())
        write_text(folder / "identities.tsv", f"identity\tclip\n{manifest}")
    return [name for name in dict.fromkeys(sides["train"]) if lengths[name] < SHORTEST]


def _link(source: str | Path, target: Path) -> None:
    """A second name for a file; a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
