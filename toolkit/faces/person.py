"""The one person whom a track follows: chosen once, and known again after a gap or a cut."""

from typing import NamedTuple

import cv2
import numpy as np

from toolkit.faces.detectors import Detector, grey
from toolkit.faces.identity import SAME_PERSON, describe

# Correlation of two thumbnails. A talking face stays above 0.55 from one frame to the next, nearly always above 0.75;
# two people in the same place stay below 0.72. Whole frames of one shot stay above 0.9, of two shots below 0.65.
ALIKE = 0.75
_SAME_SHOT = 0.8
_THUMBNAIL = 24  # pixels


class Place(NamedTuple):
    """Where a face was last seen and how it looked there: box (4,), thumbnail (24, 24)."""

    box: np.ndarray
    thumbnail: np.ndarray

    def shows(self, other: "Place") -> bool:
        """Whether the same face is seen still: in the same place, looking the same."""
        return overlap(self.box, other.box) > 0.5 and alike(self.thumbnail, other.thumbnail) > ALIKE


class Person:
    """Chooses the face to follow and picks it out again.

    face: "largest" at first sighting, or a number counted from the left (0 is leftmost) in the first frame that shows
    so many.
    """

    def __init__(self, detector: Detector, face: str | int) -> None:
        self._detector, self._face = detector, face
        self._portrait: tuple[np.ndarray, np.ndarray] | None = None  # picture and box of the first sighting
        self._descriptor: np.ndarray | None = None
        self._strangers: list[Place] = []  # so that their descriptors are not computed again in every frame
        self.most_seen = 0

    def pick(self, frame: np.ndarray, boxes: np.ndarray, last: Place | None = None) -> int | None:
        """Which of the boxes (n, 4) of an RGB frame is the person's; None where none is.

        The first choice is the person from then on. last: where the person was seen before, if anywhere.
        """
        self.most_seen = max(self.most_seen, len(boxes))
        places = [Place(box, thumbnail(frame, box)) for box in boxes]
        known = self._portrait is not None
        found = self._recognise(frame, places, last) if known else self._choose(frame, boxes)
        self._strangers = [place for number, place in enumerate(places) if number != found]
        return found

    def is_same(self, frame: np.ndarray, box: np.ndarray) -> bool:
        """Whether the face in the box is the person's, by descriptor: a tenth of a second."""
        if self._descriptor is None:  # most clips never ask
            self._descriptor = self._describe(*self._portrait)
        return float(np.linalg.norm(self._describe(frame, box) - self._descriptor)) < SAME_PERSON

    def _choose(self, frame: np.ndarray, boxes: np.ndarray) -> int | None:
        wanted = 0 if self._face == "largest" else self._face
        if len(boxes) <= wanted:
            return None
        order = np.argsort(-area(boxes)) if self._face == "largest" else np.argsort(boxes[:, 0] + boxes[:, 2])
        found = int(order[wanted])
        rows, columns = window(boxes[found], frame.shape, 1.6)
        self._portrait = frame[rows, columns].copy(), boxes[found] - np.array([columns.start, rows.start] * 2)
        return found

    def _recognise(self, frame: np.ndarray, places: list[Place], last: Place | None) -> int | None:
        if last is not None:
            for number, place in enumerate(places):
                if place.shows(last):
                    return number
        for number, place in enumerate(places):
            if not any(place.shows(stranger) for stranger in self._strangers) and self.is_same(frame, place.box):
                return number
        return None

    def _describe(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        return describe(image, self._detector.fit(image, box))


def area(boxes: np.ndarray) -> np.ndarray:
    """(..., 4) -> (...,)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0.0) * max(height, 0.0)
    return float(both / (area(a) + area(b) - both))


def window(box: np.ndarray, shape: tuple[int, ...], times: float) -> tuple[slice, slice]:
    """Rows and columns of the square `times` the box's longer side around its centre, cut at the edges of an image of
    that shape (never empty)."""
    left, top, right, bottom = box.tolist()
    x, y, reach = (left + right) / 2, (top + bottom) / 2, times * max(right - left, bottom - top) / 2
    row, column = min(max(int(y - reach), 0), shape[0] - 1), min(max(int(x - reach), 0), shape[1] - 1)
    return slice(row, max(int(y + reach), row + 1)), slice(column, max(int(x + reach), column + 1))


def thumbnail(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The box's content in (24, 24) grey pixels."""
    rows, columns = window(box, image.shape, 1.0)
    return cv2.resize(grey(image[rows, columns]), (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_LINEAR)


def is_cut(frame: np.ndarray, before: np.ndarray) -> bool:
    """Whether another shot begins with `frame`."""
    if frame.shape != before.shape:
        return True
    small, small_before = (
        cv2.resize(grey(each), (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA) for each in (frame, before)
    )
    return alike(small, small_before) < _SAME_SHOT


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """Normalised correlation of two thumbnails, -1..1."""
    return float(cv2.matchTemplate(a, b, cv2.TM_CCOEFF_NORMED)[0, 0])
