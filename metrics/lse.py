"""LSE-D, LSE-C and the offset between sound and picture, by SyncNet (specs/metrics.md section 9; Chung and Zisserman 2016;
Prajwal et al. 2020).

The direct way, for videos that are face crops already: every frame is squeezed to 224×224. Scripts for full scenes detect,
track and crop faces first (`syncnet_tracks`), and values of the two ways differ by tenths to one unit. Nothing is
re-encoded on the way. The best shift is searched for, so that a constant delay costs nothing: read the offset too.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from scipy.ndimage import median_filter

from metrics.batches import Batches
from metrics.measure import Measure, MetricInputs, Value
from metrics.metric import Metric, NotComputed
from toolkit.timing import SAMPLES_PER_FRAME

if TYPE_CHECKING:
    from models.perception.syncnet import SyncNet

SIZE = 224  # pixels of the picture
FRAMES = 5  # of a lip window
COLUMNS, COLUMNS_PER_FRAME = 20, 4  # of a speech window, one every 10 ms
HOP, WINDOW = 160, 400  # samples from one MFCC column to the next, and of one
SHIFT = 15  # frames, either way
SMOOTHING = 9  # frames of the framewise confidence's median
BATCH = 16  # lip windows
SPEECH_BATCH = 128
SHORT = 100
"""Frames; the published scripts for full scenes give no value to clips that are not longer."""

_SOURCE = "Chung and Zisserman 2016, Prajwal et al. 2020; SyncNet's published weights (syncnet_v2.model)"
_DIRECT = "face crops squeezed to 224×224, no lossy step, 25 fps, 16 kHz"


def described(suffix: str, title: str, way: str, needs: tuple[str, ...], settings: str) -> tuple[Metric, ...]:
    """The three columns of one way to get the frames."""
    return (
        Metric(
            name=f"lse_d{suffix}",
            title=f"LSE-D{title}",
            unit="distance",
            direction="lower",
            needs=needs,
            definition=f"Smallest of the mean distances between SyncNet's embeddings of lips and speech over shifts of ±15 frames, "
            f"{way}.",
            source=_SOURCE,
            settings=settings,
        ),
        Metric(
            name=f"lse_c{suffix}",
            title=f"LSE-C{title}",
            unit="distance",
            direction="higher",
            needs=needs,
            definition="Median less minimum of these mean distances, also called the AV confidence.",
            source=_SOURCE,
        ),
        Metric(
            name=f"av_offset{suffix}",
            title=f"AV offset{title}",
            unit="frames",
            direction="neutral",
            needs=needs,
            definition="The shift at which they are smallest, in frames of 40 ms; positive: the sound runs ahead of the picture.",
            source=_SOURCE,
        ),
    )


METRICS = described("", "", "face crops as they are", ("sound", "syncnet"), _DIRECT)


class SyncScore(NamedTuple):
    """What SyncNet says of a clip of n lip windows.

    distances             (n, 31) of lip window i and the speech k - 15 windows later; beyond the clip's ends speech
                          is the zero vector
    mean_distance         (31,)
    offset                15 - k of the least mean distance, in frames
    min_distance          LSE-D
    confidence            LSE-C
    framewise_confidence  (n,), over 9 frames
    """

    distances: np.ndarray
    mean_distance: np.ndarray
    offset: int
    min_distance: float
    confidence: float
    framewise_confidence: np.ndarray


def sync_score(lips: np.ndarray, speech: np.ndarray) -> SyncScore:
    """The score of embeddings (n, 1024) of lip windows and of the speech windows of the same frames."""
    padded = np.pad(speech, ((SHIFT, SHIFT), (0, 0)))
    # 1e-6 is added to every component, as torch's pairwise_distance does.
    shifted = (lips - padded[k : k + len(lips)] + 1e-6 for k in range(2 * SHIFT + 1))
    distances = np.stack([np.linalg.norm(difference, axis=1) for difference in shifted], axis=1)
    mean = distances.mean(axis=0, dtype=np.float64)
    best, middle = int(mean.argmin()), float(np.median(mean))
    framewise = median_filter(middle - distances[:, best].astype(np.float64), SMOOTHING, mode="constant")
    return SyncScore(distances, mean, SHIFT - best, float(mean[best]), middle - float(mean[best]), framewise)


def mfcc(samples: np.ndarray, first: int = 0, last: int | None = None) -> np.ndarray:
    """Columns first to last - 1 of the cepstra (13, columns) float32 of int16 samples, one every 10 ms of 25 ms each.

    Any part is what the whole would give: only the samples that it needs are looked at.
    """
    from python_speech_features import mfcc as cepstra

    before = min(first, 1)  # a column before the first, since pre-emphasis looks back one sample
    stop = None if last is None else (last - 1) * HOP + WINDOW
    return cepstra(samples[(first - before) * HOP : stop], 16000)[before:].T.astype(np.float32)


def speech_windows(samples: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """The first `count` windows of the cepstra of int16 samples, one a video frame, in batches (n, 13, 20)."""
    for first in range(0, count, SPEECH_BATCH):
        last = min(first + SPEECH_BATCH, count)
        columns = mfcc(samples, COLUMNS_PER_FRAME * first, COLUMNS_PER_FRAME * (last - 1) + COLUMNS)
        windows = np.lib.stride_tricks.sliding_window_view(columns, COLUMNS, axis=1)[:, ::COLUMNS_PER_FRAME]
        yield np.ascontiguousarray(windows.transpose(1, 0, 2))


class LipSync(Measure):
    """Scores faces that are as large as the frames, which are squeezed to 224×224.

    The lip branch sees `BATCH` windows at once, which overlap by 4 frames, so that nothing is computed twice; one hour
    keeps 0.4 GB of embeddings.
    """

    def __init__(self, network: "SyncNet", sound: np.ndarray) -> None:
        self.network, self.sound, self.frames = network, sound, 0
        self._embeddings: list[np.ndarray] = []
        self._batches = Batches(self._embed, BATCH + FRAMES - 1, overlap=FRAMES - 1)

    def update(self, generated: np.ndarray, reference: np.ndarray | None = None) -> None:
        self.frames += 1
        self._batches.add(cv2.resize(generated, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR))

    def _embed(self, frames: np.ndarray) -> None:
        from models.perception.syncnet import lip_embeddings

        self._embeddings.append(lip_embeddings(self.network, frames))

    def score(self) -> SyncScore:
        """The score of the frames so far; raises `NotComputed` for fewer than six with sound."""
        from models.perception.syncnet import speech_embeddings

        count = self._compared() - FRAMES  # one window less than there are, as published
        if count < 1:
            raise NotComputed(f"{self._compared()} frames with sound, it takes {FRAMES + 1}")
        self._batches.finish()
        samples = np.round(self.sound * 32768).clip(-32768, 32767).astype(np.int16)
        speech = [speech_embeddings(self.network, windows) for windows in speech_windows(samples, count)]
        return sync_score(np.concatenate(self._embeddings)[:count], np.concatenate(speech))

    def _compared(self) -> int:
        return min(self.frames, len(self.sound) // SAMPLES_PER_FRAME)

    def result(self) -> dict[str, Value]:
        found = self.score()
        return {"lse_d": found.min_distance, "lse_c": found.confidence, "av_offset": found.offset}

    def counts(self) -> dict[str, int]:
        return {"lse_frames": self._compared(), "lse_short": int(self._compared() <= SHORT)}


def measure(inputs: MetricInputs) -> LipSync:
    """Reads the generated frames at their own size."""
    from models.perception.checkpoints import load

    return LipSync(load("syncnet", inputs.weights["syncnet"]), inputs.sound)
