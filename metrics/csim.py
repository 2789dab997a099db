"""CSIM, how much the generated face looks like the real one's owner: cosine of face descriptors, up to 1, higher is better
(specs/metrics.md section 14).

No paper states its network. This one is dlib's face recognition ResNet (128 values; King 2017), which ships with the package
face_recognition_models (CC0): values are not comparable with those of an ArcFace. Its descriptors lie close together: on
13 real clips two frames of one person had 0.96 to 1 (median 0.99), of two people 0.72 to 0.93 (median 0.83).
"""

import numpy as np

from metrics.accumulate import Given, Measure, Value
from metrics.frames import resized
from metrics.metric import Metric, NotComputed
from toolkit.faces.detectors import Detector, detector
from toolkit.faces.identity import describe

STRIDE = 5
"""Frames from one that is compared to the next: a descriptor takes a tenth of a second."""

LEAST = 256
"""Pixels of the shorter side that the detector sees: it misses the faces of small pictures."""

METRICS = (
    Metric(
        "csim",
        "CSIM (dlib)",
        "cosine",
        "higher",
        ("reference",),
        f"Cosine of dlib's face descriptors of the generated and the reference frame, mean over every {STRIDE}th frame. "
        "Frames in which either shows no face are left out and counted. Two people have about 0.83, one person 0.96 and more.",
        "King 2017, dlib_face_recognition_resnet_model_v1 (CC0); faces by dlib's frontal detector and 68 points",
        settings=f"every {STRIDE}th frame; frames under 256 pixels enlarged; 150×150 chips aligned to the landmarks",
    ),
)


class Csim(Measure):
    """Looks for the face in each picture by itself."""

    def __init__(self, faces: Detector) -> None:
        self.faces, self.frames, self.missed = faces, 0, 0
        self.cosines: list[float] = []

    def update(self, generated: np.ndarray, reference: np.ndarray) -> None:
        if self.frames % STRIDE == 0:
            pair = [self._descriptor(frame) for frame in (generated, reference)]
            if any(descriptor is None for descriptor in pair):
                self.missed += 1
            else:
                self.cosines.append(cosine(*pair))
        self.frames += 1

    def _descriptor(self, frame: np.ndarray) -> np.ndarray | None:
        height, width = frame.shape[:2]
        factor = max(1.0, LEAST / min(height, width))
        frame = resized(frame, (round(factor * width), round(factor * height)))
        boxes, _ = self.faces.find(frame)
        return describe(frame, self.faces.fit(frame, boxes[0])) if len(boxes) else None

    def result(self) -> dict[str, Value]:
        if not self.cosines:
            raise NotComputed(f"no face in both videos in any of {self.missed} frames looked at")
        return {"csim": float(np.mean(self.cosines))}

    def counts(self) -> dict[str, int]:
        return {"csim_frames": len(self.cosines), "csim_frames_without_face": self.missed}


def measure(given: Given) -> Csim:
    """Reads pairs of frames."""
    return Csim(detector("dlib"))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of the angle between two descriptors (D,)."""
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
