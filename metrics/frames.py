"""One pass over the videos that serves every metric."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from metrics.landmark_distance import at_size
from metrics.measure import Landmarks, Measure
from toolkit.errors import InputError
from toolkit.media.frames import read_frames

Tracker = Callable[[Iterable[np.ndarray]], Landmarks]


class ComparedFrames:
    """The generated video's frames, one by one; on its way each meets the reference's frame and every measure.

    Whoever iterates (the face tracker) decodes each video exactly once for all. Both videos start at their first frame.
    `paired` measures compare over the shorter one's length, `single` ones see every generated frame.
    """

    def __init__(
        self, generated: Path, reference: Path | None, paired: Sequence[Measure] = (), single: Sequence[Measure] = ()
    ) -> None:
        self.generated, self.reference, self.paired, self.single = generated, reference, paired, single
        self.frames = self.compared = 0
        self.size = self.reference_size = (0, 0)

    def __iter__(self) -> Iterator[np.ndarray]:
        references = iter(read_frames(self.reference)) if self.reference else iter(())
        for frame in read_frames(self.generated):
            self.frames += 1
            self.size = frame.shape[1::-1]
            reference = next(references, None)
            for measure in self.single:
                measure.update(frame, reference)
            if reference is not None:
                self.compared += 1
                self.reference_size = reference.shape[1::-1]
                fitted = resized(frame, self.reference_size)
                for measure in self.paired:
                    measure.update(fitted, reference)
            yield frame


def resized(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The frame at `size` (width, height): area means when shrinking, bilinear when growing (specs/metrics.md 2)."""
    if frame.shape[1::-1] == tuple(size):
        return frame
    shrinking = size[0] * size[1] < frame.shape[0] * frame.shape[1]
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)


def track_enlarged(frames: Iterable[np.ndarray], track: Tracker, least: int = 256) -> Landmarks:
    """The tracker's landmarks in the frames' own pixels, though it sees frames whose shorter side is under `least`
    enlarged to that: face detectors miss the faces of small pictures. A tracker that finds nobody in the whole video
    (`InputError`) gives landmarks that are `ok` nowhere."""
    size = seen = (0, 0)
    count, complete = 0, False

    def enlarged() -> Iterator[np.ndarray]:
        nonlocal size, seen, count, complete
        for frame in frames:
            count += 1
            size = frame.shape[1::-1]
            factor = max(1.0, least / min(size))
            seen = (round(size[0] * factor), round(size[1] * factor))
            yield resized(frame, seen)
        complete = True

    try:
        tracked = track(enlarged())
    except InputError:
        if not complete:  # the video's fault, not the face's
            raise
        return Landmarks(np.full((count, 68, 2), np.nan), np.zeros(count, bool))
    return Landmarks(at_size(tracked.points, seen, size), np.asarray(tracked.ok))
