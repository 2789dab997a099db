"""CSIM, how much the generated face looks like its owner's: cosine of face descriptors, up to 1, higher is better
(specs/metrics.md section 14).

No paper states its network, and values of two networks are not comparable:

csim        an ArcFace, InsightFace's w600k_r50 (512 values). VideoReTalking's enhancer was trained with an ArcFace too, its
            paper does not say with which; of no other system is it known.
csim_dlib   dlib's face recognition ResNet (128 values; King 2017), which ships with the package face_recognition_models
            (CC0). Its descriptors lie close together: on 13 real clips two frames of one person had 0.96 to 1 (median
            0.99), of two people 0.72 to 0.93 (median 0.83).
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hashlib import sha256

import numpy as np

from metrics.frames import resized
from metrics.measure import Measure, MetricInputs, Value
from metrics.metric import Metric, NotComputed
from toolkit.faces.detectors import get_detector
from toolkit.faces.identity import describe
from toolkit.media.frames import read_frames

STRIDE = 25
"""Frames from one that is compared to the next, a second: finding and describing a face takes a tenth of one, and a face
looks like its owner for longer than that."""

LEAST = 256
"""Pixels of the shorter side that the detector sees: it misses the faces of small pictures."""

Describe = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(RGB frame (H, W, 3) uint8, its face's 68 points) -> descriptor (D,)."""

_DEFINITION = (
    f"Cosine of {{}} of the generated and the real frame, mean over every {STRIDE}th frame; with another clip's speech, of "
    "the generated frame and the first one of the picture's own clip that shows a face. Frames in which either shows no face "
    "are left out and counted.{}"
)
_FACES = (
    f"every {STRIDE}th frame; frames under {LEAST} pixels enlarged; faces by dlib's frontal detector and 68 points; "
)
METRICS = (
    Metric(
        name="csim",
        title="CSIM",
        unit="cosine",
        direction="higher",
        needs=("person", "arcface"),
        definition=_DEFINITION.format("ArcFace's embeddings", ""),
        source="Deng et al. 2019; InsightFace's w600k_r50 (buffalo_l v0.7; non-commercial research only)",
        settings=f"{_FACES}112×112 faces aligned by eyes, nose tip and corners of the mouth; onnxruntime",
    ),
    Metric(
        name="csim_dlib",
        title="CSIM (dlib)",
        unit="cosine",
        direction="higher",
        needs=("person",),
        definition=_DEFINITION.format(
            "dlib's face descriptors", " Two people have about 0.83, one person 0.96 and more."
        ),
        source="King 2017, dlib_face_recognition_resnet_model_v1 (CC0)",
        settings=f"{_FACES}150×150 faces aligned to the points",
    ),
)


class Csim(Measure):
    """Looks for the face in each picture by itself, once for all descriptors (by metric name).

    Frames are compared with the reference's, or all with the first of `person`, the frames of a video, that shows a face.
    """

    def __init__(self, descriptors: Mapping[str, Describe], person: Iterable[np.ndarray] | None = None) -> None:
        self.faces, self.descriptors = get_detector("dlib"), descriptors
        self.frames, self.missed = 0, 0
        self.cosines: dict[str, list[float]] = {name: [] for name in descriptors}
        self.identity = None
        self.described: dict[tuple[tuple[int, ...], bytes], dict[str, np.ndarray]] = {}
        if person is not None:
            self.identity = next(filter(None, map(self._described, person)), {})

    def update(self, generated: np.ndarray, reference: np.ndarray | None) -> None:
        if self.frames % STRIDE == 0 and (reference is not None or self.identity is not None):
            made = self._described(generated)
            real = self._described(reference) if self.identity is None else self.identity
            if made and real:
                for name, found in self.cosines.items():
                    found.append(cosine(made[name], real[name]))
            else:
                self.missed += 1
        self.frames += 1

    def _described(self, frame: np.ndarray) -> dict[str, np.ndarray]:
        """Every descriptor of the frame's face, none where it shows none. Equal pictures (a still's; the real clip's and
        its own) are described once: it is most of what scoring costs."""
        picture = frame.shape, sha256(np.ascontiguousarray(frame)).digest()
        if picture not in self.described:
            self.described[picture] = self._describe(frame)
        return self.described[picture]

    def _describe(self, frame: np.ndarray) -> dict[str, np.ndarray]:
        height, width = frame.shape[:2]
        factor = max(1.0, LEAST / min(height, width))
        frame = resized(frame, (round(factor * width), round(factor * height)))
        boxes, _ = self.faces.find(frame)
        if not len(boxes):
            return {}
        points = self.faces.fit(frame, boxes[0])
        return {name: descriptor(frame, points) for name, descriptor in self.descriptors.items()}

    def result(self) -> dict[str, Value]:
        if self.identity == {}:
            raise NotComputed("no face in the picture's own clip")
        if not any(self.cosines.values()):
            raise NotComputed(f"no face in both videos in any of {self.missed} frames looked at")
        return {name: float(np.mean(found)) for name, found in self.cosines.items()}

    def counts(self) -> dict[str, int]:
        return {"csim_frames": len(self.cosines["csim_dlib"]), "csim_frames_without_face": self.missed}


def measure(inputs: MetricInputs) -> Csim:
    """Reads the generated frames, and the reference's where there is one."""
    descriptors: dict[str, Describe] = {"csim_dlib": describe}
    if "arcface" in inputs.weights:
        from models.perception.arcface import embed, load

        descriptors["csim"] = partial(embed, load(inputs.weights["arcface"]))
    return Csim(descriptors, None if inputs.reference else read_frames(inputs.person))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of the angle between two descriptors (D,)."""
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
