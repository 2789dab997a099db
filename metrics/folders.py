"""Two folders of videos scored against each other, without the workflow around it."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from metrics.frames import Tracker, track_enlarged
from metrics.measure import Landmarks, MetricInputs
from metrics.metric import NotComputed
from metrics.mouth import opening_track
from metrics.papers import GROUND_TRUTH
from metrics.scoring import Scored, score
from toolkit.errors import InputError
from toolkit.media.audio import extract_sound, read_audio
from toolkit.media.frames import read_frames
from toolkit.media.probe import probe
from toolkit.media.resample import resample_video
from toolkit.timing import FPS

logger = logging.getLogger("talkflow")

SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".webm")


@dataclass(frozen=True)
class Video:
    """A video at 25 frames a second, and its sound as a wav file if it has any; `note` says what was done to it, `frames`
    how many its container promises, None where it does not say."""

    path: Path
    sound: Path | None
    note: str
    frames: int | None

    def samples(self) -> np.ndarray | None:
        """(samples,) float32 at 16 kHz."""
        return read_audio(self.sound) if self.sound else None


@dataclass(frozen=True)
class Reference(Video):
    """A real video, seen once: its landmarks, and how its mouth opens (T,), None where there is no face."""

    landmarks: Landmarks
    opening: np.ndarray | None


@dataclass(frozen=True)
class Pair:
    """A generated video and the names of the real ones that its picture and its speech are from."""

    system: str
    path: Path
    video: str
    audio: str

    @property
    def names(self) -> dict[str, str]:
        """What stands before its values in the table."""
        kind = "self" if self.video == self.audio else "crossed"
        pair = f"{self.video}--{self.audio}"
        return {"system": self.system, "pair": pair, "video": self.video, "audio": self.audio, "kind": kind}


def videos(folder: Path) -> dict[str, Path]:
    """The videos in a folder by their names without suffix."""
    if not folder.is_dir():
        raise InputError(folder, "there is no such folder", "Give the folder that holds the videos")
    found: dict[str, Path] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()):
        if path.stem in found:
            raise InputError(path, f"{found[path.stem].name} has the same name", "Keep one of the two")
        found[path.stem] = path
    return found


def generated_pairs(folder: Path, references: Path) -> list[Pair]:
    """Every generated video: `{name}` in the folder, which bears the system's name, or in one folder for each system; the
    real videos' own folder may be among these.

    `{video}--{audio}` is the picture of one real video with the speech of another, as the workflow names it.
    """
    systems = {folder.resolve().name: videos(folder)}
    systems |= {
        sub.name: videos(sub) for sub in sorted(folder.iterdir()) if sub.is_dir() and not sub.samefile(references)
    }
    pairs = []
    for system, found in systems.items():
        for name, path in found.items():
            video, _, audio = name.partition("--")
            pairs.append(Pair(system, path, video, audio or video))
    return pairs


class Folders:
    """Scores the pairs of one folder with the real videos of another; `work` takes what is made on the way."""

    def __init__(
        self,
        references: Path,
        work: Path,
        track: Tracker,
        weights: Mapping[str, Path],
        reasons: Mapping[str, str],
        fvd_window: int | None = 16,
    ) -> None:
        self.paths, self.work, self.track = videos(references), work, track
        self.weights, self.reasons, self.fvd_window = weights, reasons, fvd_window
        self._references: dict[str, Reference] = {}

    def real(self, pairs: list[Pair]) -> list[Pair]:
        """The real videos that pairs ask for, each as a pair of its own."""
        needed = dict.fromkeys(name for pair in pairs for name in (pair.video, pair.audio))
        return [Pair(GROUND_TRUTH, self.paths[name], name, name) for name in needed if name in self.paths]

    def score_all(self, pairs: list[Pair], done: Callable[[], None]) -> Iterator[tuple[dict, dict[str, np.ndarray]]]:
        """The record and the features of each real video that a pair asks for, as `ground_truth`, then of each pair.

        `done` is called after each video. One that cannot be used is named in the log and left out.
        """
        for pair in [*self.real(pairs), *pairs]:
            try:
                record, features = self.score(pair)
                yield pair.names | record, features
            except InputError as error:
                logger.error("left out: %s", error)
            except av.error.FFmpegError as error:
                logger.error("left out: %s, or the real video: damaged (%s)", pair.path, error.strerror)
            done()

    def score(self, pair: Pair) -> Scored:
        """One pair's score; `InputError` where a video of it is missing or cannot be read."""
        picture = self.reference(pair.video)
        if pair.path == self.paths[pair.video]:
            return self._score(pair, picture, landmarks=picture.landmarks)
        with TemporaryDirectory(dir=self.work) as folder:
            return self._score(pair, video(pair.path, Path(folder)))

    def _score(self, pair: Pair, made: Video, landmarks: Landmarks | None = None) -> Scored:
        picture, speaker = self.reference(pair.video), self.reference(pair.audio)
        is_self, sound_source = pair.video == pair.audio, made if made.sound else speaker
        inputs = MetricInputs(
            made.path,
            landmarks=landmarks,
            reference=picture.path if is_self else None,
            reference_landmarks=picture.landmarks if is_self else None,
            person=None if is_self else picture.path,
            speech_opening=speaker.opening,
            video_opening=None if is_self else picture.opening,
            sound=sound_source.samples(),
            fvd_window=self.fvd_window,
            weights=self.weights,
            reasons=self.reasons,
        )
        record, features = score(inputs, self.track)
        origin = (
            "none"
            if sound_source.sound is None
            else "the generated video's"
            if sound_source is made
            else "the real video's"
        )
        if made.frames and record["counts"]["frames"] < made.frames:
            logger.warning("%s: only %d of %d frames can be read", pair.path, record["counts"]["frames"], made.frames)
        notes = {"generated video": made.note, "reference video": picture.note, "sound": origin}
        return Scored(record | {"settings": record["settings"] | notes}, features)

    def reference(self, name: str) -> Reference:
        """The real video of this name; what is found out about it is kept."""
        if name not in self.paths:
            raise InputError(name, "the reference folder has no video of this name", "Give both the same name")
        if name not in self._references:
            folder = self.work / f"real{len(self._references)}"
            folder.mkdir(exist_ok=True)
            real = video(self.paths[name], folder)
            landmarks = track_enlarged(read_frames(real.path), self.track)
            try:
                opening = opening_track(*landmarks)
            except NotComputed:
                opening = None
            self._references[name] = Reference(**vars(real), landmarks=landmarks, opening=opening)
        return self._references[name]


def video(path: Path, folder: Path) -> Video:
    """A video as it is where it has 25 frames a second, else resampled by its time stamps, without loss, into `folder`,
    which takes its sound too."""
    media = probe(path)
    if not media.has_video:
        raise InputError(path, "it has no video track", "Give a video")
    seen, zero, note, frames = path, media.video_start, "as it is", media.frames
    if media.fps != FPS:
        frames = None
        seen, note = folder / "video.mp4", f"resampled from {media.fps:g} frames a second, without loss"
        zero = resample_video(path, seen, crf=0).zero
    sound = folder / "sound.wav" if media.has_audio else None
    if sound:
        extract_sound(path, sound, zero=zero)
    return Video(seen, sound, note, frames)
