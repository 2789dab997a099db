"""From frames to faces, two ways: carried by landmarks (dlib), or swept in batches (a detector on a GPU)."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np

from toolkit.faces.detectors import Detector, grey
from toolkit.faces.person import ALIKE, Person, Place, alike, is_cut, overlap, thumbnail, window

_STEADY = 0.75  # overlap of two boxes below which the face has moved or the fit has failed
_NEAR = 0.3  # overlap below which a face in the window is not the one that was followed
_WINDOW = 1.5  # side of the picture in which the face is followed, in faces
_FACE = (92.0, 101.0, 111.0)  # pixels of the face when the detector looks at it
_SEARCH_SIDE = 480  # pixels of the smaller side of a frame that is searched
_AHEAD = 16  # frames
_MEMORY = 16  # looks over which a relation is averaged


class Face(NamedTuple):
    """The face in one frame, or its absence: points (68, 2), box (4,), the detector's score when it last looked."""

    points: np.ndarray
    box: np.ndarray
    score: float
    ok: bool


ABSENT = Face(np.full((68, 2), np.nan, np.float32), np.full(4, np.nan, np.float32), 0.0, False)


class Relation:
    """Where the detector's box lies relative to the landmarks, in units of their spread around their mean; the mean of
    what was seen.

    The detector's boxes come in coarse steps of place and size; their mean does not.
    """

    def __init__(self) -> None:
        self._mean = np.zeros(4, np.float32)
        self._looks = 0

    def learn(self, points: np.ndarray, box: np.ndarray) -> None:
        """Take in one detected box (4,) and the points (68, 2) fitted there."""
        centre, spread = self._frame(points)
        self._looks = min(self._looks + 1, _MEMORY)
        self._mean += ((box - centre) / spread - self._mean) / self._looks

    def box(self, points: np.ndarray) -> np.ndarray:
        """The box (4,) that the detector would find around these points."""
        centre, spread = self._frame(points)
        return centre + spread * self._mean

    @staticmethod
    def _frame(points: np.ndarray) -> tuple[np.ndarray, np.float32]:
        mean = points.mean(0)
        spread = np.linalg.norm(points - mean) / np.sqrt(np.float32(points.size))
        return np.concatenate([mean, mean]), spread


class Carrier:
    """Follow a face by its landmarks: the detector looks at intervals and in doubt, in a small window; the whole frame
    is searched only while the person is not in sight."""

    def __init__(self, detector: Detector, person: Person, interval: int) -> None:
        self._detector, self._person, self._interval = detector, person, interval
        self._relation = Relation()
        self._last: Face = ABSENT
        self._place: Place | None = None
        self._before: np.ndarray | None = None
        self._since = self._looks = self._missed = 0

    def step(self, frame: np.ndarray) -> Face:
        """The face in the next RGB frame."""
        face = self._carry(frame) if self._last.ok else ABSENT
        self._last = face if face.ok else self._search(frame)
        self._before = frame
        return self._last

    def _carry(self, frame: np.ndarray) -> Face:
        """The face near its last place; absent where the detector does not see the person there."""
        rows, columns = window(self._last.box, frame.shape, _WINDOW)
        corner = np.array([columns.start, rows.start] * 2, np.float32)
        near, before = grey(frame[rows, columns]), self._last.box - corner
        points = self._detector.fit(near, before)
        box = self._relation.box(points)
        here = Place(box, thumbnail(near, box))
        score = self._last.score
        self._since += 1
        doubtful = alike(here.thumbnail, self._place.thumbnail) < ALIKE or overlap(box, before) < _STEADY
        if doubtful or self._since >= min(self._interval, 1 + self._looks):
            boxes, scores = self._look(near, before)
            best = max(range(len(boxes)), key=lambda number: overlap(boxes[number], before), default=None)
            if best is None or overlap(boxes[best], before) < _NEAR:
                return ABSENT
            if doubtful and is_cut(frame, self._before) and not self._person.is_same(frame, boxes[best] + corner):
                return ABSENT
            if overlap(boxes[best], box) < _STEADY:
                points = self._detector.fit(near, boxes[best])
            self._relation.learn(points, boxes[best])
            box, score = self._relation.box(points), float(scores[best])
            here = Place(box, thumbnail(near, box))
        self._place = here
        return Face(points + corner[:2], box + corner, score, True)

    def _look(self, near: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The faces in the window, which is reduced so that the face is about as small as the detector can see.

        The detector's boxes come in steps of 1.2 in size; looking at three sizes in turn, a third of a step apart,
        averages them out.
        """
        self._since = 0
        self._looks += 1
        scale = _FACE[self._looks % len(_FACE)] / max(float(box[2] - box[0]), 1.0)
        return find_at(self._detector, near, scale)

    def _search(self, frame: np.ndarray) -> Face:
        """The person anywhere in the frame, reduced; now and then at full size, where smaller faces are seen."""
        scale = min(1.0, _SEARCH_SIDE / min(frame.shape[:2]))
        boxes, scores = find_at(self._detector, frame, scale)
        found = self._person.pick(frame, boxes, self._place)
        if found is None and scale < 1 and self._missed % self._interval == 0:
            boxes, scores = self._detector.find(frame)
            found = self._person.pick(frame, boxes, self._place)
        if found is None:
            self._missed += 1
            return ABSENT
        self._missed = self._since = 0
        points = self._detector.fit(frame, boxes[found])
        self._relation.learn(points, boxes[found])
        box = self._relation.box(points)
        self._place = Place(box, thumbnail(frame, box))
        return Face(points, box, float(scores[found]), True)


def find_at(detector: Detector, image: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """What the detector finds in the image resized by `scale`; boxes in the image's own pixels."""
    boxes, scores = detector.find(resized(image, scale))
    return (boxes + 0.5) / scale - 0.5, scores


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    """The image at another scale, areas averaged when shrinking."""
    if scale == 1:
        return image
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)


def carry(frames: Iterable[np.ndarray], detector: Detector, person: Person, interval: int) -> Iterator[Face]:
    """Follow frame by frame, the face carried by its landmarks.

    Frames are read some ahead: a decoder and a predictor (100 MB of trees) that take turns at every frame throw each
    other out of the processor's cache, which costs a fifth of the time.
    """
    carrier, frames = Carrier(detector, person, interval), iter(frames)
    while ahead := list(islice(frames, _AHEAD)):
        yield from map(carrier.step, ahead)


def sweep(frames: Iterable[np.ndarray], detector: Detector, person: Person) -> Iterator[Face]:
    """Follow in batches of `detector.batch` frames: faces are found in every frame, reduced, and the person's
    fitted."""
    place = None
    frames = iter(frames)
    while batch := list(islice(frames, detector.batch)):
        scale = min(1.0, _SEARCH_SIDE / min(batch[0].shape[:2]))
        picked = []
        for frame, (boxes, scores) in zip(
            batch, detector.find_many([resized(each, scale) for each in batch]), strict=True
        ):
            boxes = (boxes + 0.5) / scale - 0.5
            found = person.pick(frame, boxes, place)
            picked.append(None if found is None else (boxes[found], float(scores[found])))
            if found is not None:
                place = Place(boxes[found], thumbnail(frame, boxes[found]))
        seen = [(frame, pick[0]) for frame, pick in zip(batch, picked, strict=True) if pick]
        points = iter(detector.fit_many(*zip(*seen, strict=True)) if seen else ())
        for pick in picked:
            yield ABSENT if pick is None else Face(next(points), *pick, True)
