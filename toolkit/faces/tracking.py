"""Landmarks of one person through a clip, without a detector on every frame.

Between detections the box is carried by the landmarks. A box taken from them by rule of thumb runs away within seconds,
since the predictor starts from the box and its error feeds itself. Here the box keeps the place and size that the
*detector's* boxes have had relative to the landmarks of this very clip (`following.Relation`): the detector's box is a
fixed point of the loop.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from toolkit.errors import InputError
from toolkit.faces.detectors import Detector
from toolkit.faces.following import carry, sweep
from toolkit.faces.person import Person
from toolkit.log import logger

INTERVAL = 25  # frames


class Track(NamedTuple):
    """One person's face in each of T frames.

    points (T, 68, 2) float32, pixels; box (T, 4) float32, left, top, right, bottom; score (T,) float32, the detector's
    when it last looked, 0 where not ok; ok (T,) bool, False where the person was not seen and points and box are
    interpolated.
    """

    points: np.ndarray
    box: np.ndarray
    score: np.ndarray
    ok: np.ndarray


def track(
    frames: Iterable[np.ndarray], detector: Detector, *, face: str | int = "largest", interval: int = INTERVAL
) -> Track:
    """Follow one person through RGB frames (H, W, 3), of which a few are held at a time.

    face: "largest" at first sighting, or a number counted from the left (0 is leftmost) in the first frame that shows
    so many. The track stays with that person: after a gap or a scene cut it goes on only where the face's descriptor is
    the same. interval: frames between two looks of the detector (one that works in batches looks at every frame).
    Frames without the person are interpolated, held at the ends, and counted in a warning; `InputError` where there is
    none.
    """
    if face != "largest" and (not isinstance(face, int) or face < 0):
        raise InputError(str(face), "no such choice of a face", 'Give "largest" or a number from 0 (leftmost)')
    person = Person(detector, face)
    faces = list(sweep(frames, detector, person) if detector.batch > 1 else carry(frames, detector, person, interval))
    if not any(each.ok for each in faces):
        raise _nobody(len(faces), face, person.most_seen)
    points, box, score, ok = (np.array(column) for column in zip(*faces, strict=True))
    if not ok.all():
        logger.warning("no face in %d of %d frames; their landmarks are interpolated", np.count_nonzero(~ok), len(ok))
    return Track(interpolated(points, ok), interpolated(box, ok), score.astype(np.float32), ok)


def interpolated(values: np.ndarray, ok: np.ndarray) -> np.ndarray:
    """(T, ...) values, those of frames that are not ok put on the line between their neighbours; held at the ends."""
    if ok.all():
        return values
    times, known = np.arange(len(ok)), np.flatnonzero(ok)
    flat = values.reshape(len(ok), -1)
    filled = np.stack([np.interp(times, known, column[known]) for column in flat.T], axis=1)
    return filled.reshape(values.shape).astype(values.dtype)


def _nobody(frames: int, face: str | int, most_seen: int) -> InputError:
    if most_seen:
        remedy = f"Choose a face below {most_seen}"
        return InputError(f"face {face}", f"at most {most_seen} faces are seen at once in the {frames} frames", remedy)
    return InputError("frames", f"no face is seen in any of {frames}", "Give a clip that shows a face from the front")
