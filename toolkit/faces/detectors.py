"""Detectors: where faces are, and the 68 points of each.

A detector has `find(image) -> boxes (n, 4), scores (n,)`, strongest first, and `fit(image, box) -> points (68, 2)`,
both float32 in the image's pixels. `batch` says how many frames it takes at once through `find_many` and `fit_many`; 1
where it has neither. dlib runs on the CPU and needs no download; face-alignment is the choice where a GPU is at hand.
"""

from functools import cache
from importlib import metadata
from typing import Protocol

import cv2
import numpy as np

from toolkit.errors import InputError

NAMES = ("dlib", "face_alignment")
LICENCES = {
    "dlib": "CC0; its 68-point predictor was trained on iBUG 300-W, whose terms exclude commercial use",
    "face_alignment": "BSD-3-Clause (code), not stated for its weights",
}
"""What may be done with each detector's weights."""


class Detector(Protocol):
    """What the tracker asks of a detector."""

    batch: int

    def find(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...

    def fit(self, image: np.ndarray, box: np.ndarray) -> np.ndarray: ...


@cache
def get_detector(name: str) -> Detector:
    """The detector of that name, loaded once in a process."""
    if name == "dlib":
        return DlibDetector()
    if name == "face_alignment":
        from toolkit.faces.face_alignment_detector import AlignmentDetector

        return AlignmentDetector()
    raise InputError(name, "no such face detector", f"Choose one of: {', '.join(NAMES)}")


class DlibDetector:
    """dlib's frontal face detector (HOG, faces of 80 pixels and more) and its 68-point predictor (Kazemi and Sullivan
    2014).

    Images are (H, W, 3) RGB or (H, W) grey; both tools see brightness alone, which costs a third less than colour. The
    predictor starts from a mean shape in the box, so its points hang on the box: give it boxes like the detector's own.
    """

    batch = 1

    def __init__(self) -> None:
        import dlib

        self._rectangle = dlib.rectangle
        self._find = dlib.get_frontal_face_detector()
        self._fit = dlib.shape_predictor(shipped_file("shape_predictor_68_face_landmarks.dat"))

    def find(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (n, 4) and scores (n,) of the faces, strongest first; a score is the distance to the decision
        boundary."""
        rectangles, scores, _ = self._find.run(grey(image), 0, 0.0)
        boxes = [(r.left(), r.top(), r.right(), r.bottom()) for r in rectangles]
        return np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32)

    def fit(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        """The points (68, 2) of the face in `box`; whole pixels, as dlib gives them."""
        shape = self._fit(grey(image), self._rectangle(*[int(edge + 0.5) for edge in box]))
        return np.array([(point.x, point.y) for point in shape.parts()], np.float32)


def grey(image: np.ndarray) -> np.ndarray:
    """Brightness (H, W), rows without gaps: dlib reads past the rows of arrays that have any (a decoder's frames do),
    and then finds faces or not by chance."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else np.ascontiguousarray(image)


def shipped_file(name: str) -> str:
    """Path of a model file in the package face_recognition_models, which is not imported: it needs pkg_resources."""
    try:
        files = metadata.files("face_recognition_models") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == name and file.locate().is_file():
            return str(file.locate())
    raise InputError(name, "the model file is not installed", "pip install face_recognition_models")
