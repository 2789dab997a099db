"""What a measure gets and gives: what is known beforehand, frames as they stream by, and what was seen in the end.

A metric's file has `METRICS`, its columns, and one of two functions:

    measure(inputs) -> Measure            for what reads frames: made before the one pass over the videos
    compute(tracked) -> dict[str, Value]  for what is left to do after the pass: landmarks, openings, transcripts

It is listed in `metrics.registry`, which is imported where torch is not: networks are imported inside `measure`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from metrics.metric import NotComputed

ToComparisonFrame = Callable[[np.ndarray, np.ndarray, tuple[int, int]], np.ndarray]
"""(points (n, 68, 2) in pictures of a size, (n,) the pictures' frame numbers, that size) -> where distances are taken."""


class Pooled(NamedTuple):
    """The value of a metric whose summary is no mean, and of what it is: a rate's seconds, a median's events."""

    value: float
    of: float | list[float]


Value = float | Pooled | NotComputed
"""A metric's value, or why that one alone of its file's metrics has none."""


class Landmarks(NamedTuple):
    """Landmarks of every frame in its video's pixels: `points` (T, 68, 2), `ok` (T,) false where no face was seen."""

    points: np.ndarray
    ok: np.ndarray


class Transcripts(NamedTuple):
    """What is said in the speech, and what a lip reader (`reader`, its name) has read from the generated picture."""

    said: str
    read: str
    reader: str


@dataclass(frozen=True)
class MetricInputs:
    """What is known of a generated video before its frames are read; what is absent leaves out what needs it.

    landmarks         the generated video's own, where somebody has tracked it already
    reference         what the frames should look like, and its landmarks
    person            without a reference: a video of the person whose face it should be
    place             brings both videos' landmarks to where distances are taken; without it that is their pictures
                      scaled to 256 x 256
    speech_opening    (T,) how the mouth opens in the clip that the speech is from, at 25 fps
    video_opening     (T,) how it opens in the clip that the picture is from
    sound             (samples,) float32 at 16 kHz, the sound that plays with the generated video from its first frame on
    fvd_window        frames of FVD's windows, None to take the clip whole
    weights           the weights (.safetensors) of each network that is there, by its name
    reasons           why something is absent, by the needs' names; `scoring.REASONS` where left out
    """

    generated: Path
    landmarks: Landmarks | None = None
    reference: Path | None = None
    reference_landmarks: Landmarks | None = None
    person: Path | None = None
    place: ToComparisonFrame | None = None
    speech_opening: np.ndarray | None = None
    video_opening: np.ndarray | None = None
    sound: np.ndarray | None = None
    transcripts: Transcripts | None = None
    fvd_window: int | None = 16
    weights: Mapping[str, Path] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


class TrackedVideo(NamedTuple):
    """What is known after the pass: `generated`'s landmarks in its own pixels, sizes as (width, height)."""

    inputs: MetricInputs
    generated: Landmarks
    size: tuple[int, int]
    reference_size: tuple[int, int]


class Measure(Protocol):
    """One or more metrics that read frames; inherit from it for the parts that only some have."""

    def update(self, generated: np.ndarray, reference: np.ndarray | None) -> None:
        """Take in the next frame, uint8 RGB (H, W, 3), and the reference's, None where there is none (any more).

        A measure all of whose metrics need the reference is called only where there is one, and gets the generated
        frame at the reference's size; all others get it as it is.
        """

    def result(self) -> dict[str, Value]:
        """Every one of its metrics' values, or why one has none; raises `NotComputed` where that holds for all."""

    def features(self) -> dict[str, np.ndarray]:
        """What a metric of sets needs from this pair: `{metric}.generated` and `{metric}.reference`, each (n, D), and
        `{metric}.frames` (n,), how many frames each generated row stands for."""
        return {}

    def counts(self) -> dict[str, int]:
        """Numbers that the values can only be judged by, for the score's record."""
        return {}


class FrameMean(Measure):
    """The mean over frames of a measure of two pictures (reference, generated).

    Frames for which it is infinite (PSNR of equal pictures) or `NotComputed` are left out of the mean and counted.
    """

    def __init__(self, name: str, measure: Callable[[np.ndarray, np.ndarray | None], float]) -> None:
        self.name, self.measure, self.total = name, measure, 0.0
        self.count = self.infinite = self.without = 0
        self.reason = NotComputed("no frame to compare")

    def update(self, generated: np.ndarray, reference: np.ndarray | None) -> None:
        try:
            value = self.measure(reference, generated)
        except NotComputed as reason:
            self.without, self.reason = self.without + 1, reason
            return
        if math.isinf(value):
            self.infinite += 1
        else:
            self.total, self.count = self.total + value, self.count + 1

    def result(self) -> dict[str, Value]:
        if self.count == 0 and self.infinite:
            raise NotComputed(f"infinite: all {self.infinite} frames are equal to the reference's")
        if self.count == 0:
            raise self.reason
        return {self.name: self.total / self.count}

    def counts(self) -> dict[str, int]:
        return {f"frames_without_{self.name}": self.without} if self.without else {}
