"""The files of DiffTalk's users: what lies where, how it is numbered, and which of it cannot be used.

    data_train.txt, data_test.txt      a frame `N_M` a line: identity N, frame M
    HDTF/data.txt                      `N count` a line
    HDTF/images/N_M.jpg                the frame, 25 a second
    HDTF/landmarks/N_M.lms             68 lines `x y`, pixels of the image
    HDTF/audio_smooth/N_M.npy          (8, 16, 29) float64, speech around the frame
    HDTF/org_landmarks, audio_wav      of the users' preprocessing alone: landmarks in pixels, 40 ms of sound
    HDTF/identities.tsv, audio/N.wav   of our export alone: the clip behind an identity, its whole sound

Published lists count identities and frames from 1, the users' preprocessing from 0.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from toolkit.datasets.table import first_file, read_lines
from toolkit.errors import InputError
from toolkit.faces.geometry import POINTS
from toolkit.files import safe_name

NEIGHBOURS, ROWS, LOGITS = 8, 16, 29  # of audio_smooth: neighbouring windows, half frames in each, DeepSpeech's letters
LONGEST_GAP = 25  # frames, a second: a picture that stands for longer while somebody speaks teaches nothing good
_FRAME = re.compile(r"(\d{1,9})_(\d{1,9})")
_IMAGE = re.compile(r"(\d{1,9})_(\d{1,9})\.jpe?g", re.IGNORECASE)
_LANDMARKS = (".lms", ".lmd")
_LARGEST_TEXT = 65_536  # bytes of a file of 68 points, generously


@dataclass
class Layout:
    """What was found: the folder that holds `images`, each identity's frames by number, and the lists."""

    folder: Path
    images: dict[int, dict[int, Path]]
    listed: dict[str, dict[int, set[int]]] = field(default_factory=dict)  # by side, where there is such a list
    counts: dict[int, int] = field(default_factory=dict)  # of data.txt
    clips: dict[int, str] = field(default_factory=dict)  # of identities.tsv
    notes: list[str] = field(default_factory=list)

    @property
    def first_number(self) -> int:
        """What frames are counted from: 0 where some identity or frame has that number, else 1."""
        return 0 if 0 in self.images or any(0 in frames for frames in self.images.values()) else 1

    def split(self, identity: int) -> str | None:
        """The side of an identity, empty where there are no lists, None where it is in none of them; InputError where it is
        on both sides."""
        sides = [side for side, identities in self.listed.items() if identity in identities]
        if len(sides) > 1:
            problem = "is in data_train.txt and in data_test.txt"
            raise InputError(f"identity {identity}", problem, "Keep its frames in one of them")
        return sides[0] if sides else None if self.listed else ""


def read_layout(data: Path) -> Layout:
    """What lies in a data folder of DiffTalk's (that with HDTF/, or HDTF/ itself), without a look into its frames."""
    folder = next((path for path in (data / "HDTF", data) if (path / "images").is_dir()), None)
    if folder is None:
        raise InputError(
            data, "has no folder HDTF/images", "Give the folder `data` of DiffTalk, with HDTF/images/1_1.jpg"
        )
    images: dict[int, dict[int, Path]] = defaultdict(dict)
    with os.scandir(folder / "images") as entries:
        for entry in entries:
            match = _IMAGE.fullmatch(entry.name)
            if match:
                images[int(match[1])][int(match[2])] = Path(entry.path)
    if not images:
        raise InputError(folder / "images", "holds no N_M.jpg", "Put identity N's frame M there, as 1_1.jpg")
    layout = Layout(folder, {identity: dict(sorted(images[identity].items())) for identity in sorted(images)})
    for side in ("train", "test"):
        # The users' preprocessing writes into HDTF/, the published loader reads one level up.
        path = first_file(data, f"data_{side}", [".txt"]) or first_file(folder, f"data_{side}", [".txt"])
        if path:
            layout.listed[side] = _read_frame_list(path, layout)
    _read_counts(layout)
    _read_clips(layout)
    return layout


def _read_frame_list(path: Path, layout: Layout) -> dict[int, set[int]]:
    """The frames of each identity that a list names; those without an image are counted in a note."""
    listed, missing = defaultdict(set), []
    for number, line in enumerate(read_lines(path), start=1):
        match = _FRAME.fullmatch(line)
        if match:
            identity, frame = int(match[1]), int(match[2])
            listed[identity].add(frame)
            if frame not in layout.images.get(identity, {}):
                missing.append(line)
        elif line:
            raise InputError(f"{path.name}, line {number}", f"{line!r} is no frame", "Write identity_frame, as 1_250")
    if missing:
        layout.notes.append(f"{path}: {len(missing)} frames have no image, for example {missing[0]}")
    return listed


def _read_counts(layout: Layout) -> None:
    """data.txt by its first field, the identity. The published loader takes line `identity` (from 1) whatever stands
    there: lists that count from 0 give it each neighbour's number of frames."""
    path = layout.folder / "data.txt"
    if not path.is_file():
        return
    shifted = []
    for number, line in enumerate(read_lines(path), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) < 2 or not re.fullmatch(r"\d{1,9} \d{1,9}", " ".join(words[:2])):
            raise InputError(
                f"{path.name}, line {number}", f"{line!r} is no count", "Write identity and frames, as 1 250"
            )
        layout.counts[int(words[0])] = int(words[1])
        if int(words[0]) != number:
            shifted.append(int(words[0]))
    if shifted:
        words = (
            f"{path}: identity {shifted[0]} is not on line {shifted[0]}; the published code reads by line, and so takes"
        )
        layout.notes.append(f"{words} another identity's count. Here the first field counts")
    wrong = [n for n, frames in layout.images.items() if layout.counts.get(n, len(frames)) != len(frames)]
    if wrong:
        said, there = layout.counts[wrong[0]], len(layout.images[wrong[0]])
        words = f"{path}: {len(wrong)} identities have another number of images than it says, for example"
        layout.notes.append(f"{words} identity {wrong[0]}: {there}, not {said}. The images count")


def _read_clips(layout: Layout) -> None:
    """identities.tsv: the clip behind each identity, where our export wrote it."""
    path = layout.folder / "identities.tsv"
    for line in read_lines(path)[1:] if path.is_file() else []:
        identity, _, name = line.partition("\t")
        if identity.isdecimal() and name and name == safe_name(name):
            layout.clips[int(identity)] = name


def held_frames(numbers: Iterable[int], first: int, subject: str) -> list[int]:
    """For each moment from frame `first` to the last of `numbers` the frame that stands there: itself, or, where it is
    missing, the one before it (at the beginning the first one), so that sound and pictures stay in step.

    InputError, about `subject`, where more than LONGEST_GAP frames in a row are missing.
    """
    numbers = sorted(numbers)
    gaps = [(after - before - 1, before + 1) for before, after in zip([first - 1, *numbers], numbers, strict=False)]
    longest, begin = max(gaps)
    if longest > LONGEST_GAP:
        problem = f"frames {begin} to {begin + longest - 1} are missing, {longest} in a row"
        remedy = f"Up to {LONGEST_GAP} are bridged by the picture before: write the images again, or leave it out"
        raise InputError(subject, problem, remedy)
    places = np.searchsorted(numbers, np.arange(first, numbers[-1] + 1), side="right") - 1
    return [numbers[max(place, 0)] for place in places]


def read_landmarks(path: Path) -> np.ndarray:
    """The points of one file: (68, 2) float64, as they stand there."""
    try:
        if path.stat().st_size > _LARGEST_TEXT:
            raise ValueError("too large")
        points = np.array(
            [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()], float
        )
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read as 68 lines `x y` ({error})", "Detect the landmarks again") from None
    if points.shape != (POINTS, 2) or not np.isfinite(points).all():
        raise InputError(path, f"holds {points.shape} numbers, not 68 lines `x y`", "Detect the landmarks again")
    return points


def are_normalised(points: np.ndarray) -> bool:
    """Whether points (..., 68, 2) are scaled to 0..1 of the face's extent, as the users' preprocessing leaves them, and not
    pixels: no face in pixels lies in one pixel."""
    return bool(points.min() >= 0 and points.max() <= 1)


def landmarks_of(folder: Path, identity: int, frames: Sequence[int]) -> np.ndarray:
    """(n, 68, 2) float64 pixels, those of each of the frames; InputError where they are normalised or one is missing."""
    paths = [first_file(folder, f"{identity}_{frame}", _LANDMARKS) for frame in frames]
    if None in paths:
        missing = [frame for frame, path in zip(frames, paths, strict=True) if path is None]
        problem = f"has no landmarks of {len(missing)} of {len(frames)} images, for example {identity}_{missing[0]}.lms"
        raise InputError(folder, problem, "Detect them again, or let the workflow do so: leave out --landmarks")
    points = np.stack([read_landmarks(path) for path in paths])
    if are_normalised(points):
        pixels = folder.with_name("org_landmarks")
        remedy = "Detect them again, or let the workflow do so: leave out --landmarks"
        if pixels.is_dir() and pixels != folder:
            remedy = "Take those in pixels: --landmarks org_landmarks"
        problem = (
            f"the landmarks of identity {identity} are normalised to 0..1, where a network needs pixels: with them"
        )
        raise InputError(folder, f"{problem} its whole picture is masked", remedy)
    return points


def read_window(path: Path) -> np.ndarray:
    """The speech around one frame: (8, 16, 29) float."""
    shape = (NEIGHBOURS, ROWS, LOGITS)
    try:
        window = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, f"cannot be read as an array ({error})", "Make audio_smooth again") from None
    if not isinstance(window, np.ndarray) or window.shape != shape or not np.issubdtype(window.dtype, np.floating):
        problem = (
            f"holds {getattr(window, 'dtype', 'several arrays')} of shape {getattr(window, 'shape', '')}, not {shape}"
        )
        raise InputError(path, problem, "Stack each frame's 8 neighbours (audio_smooth, not audio_ds)")
    if not np.isfinite(window).all():
        raise InputError(path, "holds numbers that are not finite", "Make audio_smooth again")
    return np.asarray(window)


def window_files(folder: Path, identity: int, frames: Sequence[int]) -> Mapping[int, Path]:
    """The speech file of each frame; InputError where some are missing or all hold no context.

    Speech features made of 40 ms pieces have one row that is not zero in each window of 16: nothing is known of the
    sounds before and after, which is what the windows are for.
    """
    paths = {frame: folder / f"{identity}_{frame}.npy" for frame in frames}
    missing = [frame for frame, path in paths.items() if not path.is_file()]
    if missing:
        problem = f"holds nothing of {len(missing)} of {len(frames)} images, for example {identity}_{missing[0]}.npy"
        raise InputError(folder, problem, "Make audio_smooth again, or let the workflow do so: leave out --windows")
    if all(lacks_context(read_window(path)) for path in paths.values()):
        problem = f"the speech of identity {identity} was made of 40 ms pieces: 15 of 16 rows are zero in every window"
        remedy = "Make it of the whole track, as the workflow does (leave out --windows, name a deepspeech entry)"
        raise InputError(folder, problem, remedy)
    return paths


def lacks_context(windows: np.ndarray) -> bool:
    """Whether at most one row of 16 is not zero in each of the windows (..., 16, 29)."""
    return bool((np.any(windows != 0, axis=-1).sum(axis=-1) <= 1).all())
