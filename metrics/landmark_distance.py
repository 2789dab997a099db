"""Landmark distances of generated from reference frames in pixels, lower is better (specs/metrics.md section 13;
Chen et al. 2018).

Papers cite LMD without saying which points, which picture size and which normalisation; each variant has its own name
here. The scoring scales points to frames of 256×256 first and leaves out frames in which either detector failed.
"""

import numpy as np

from metrics.measure import TrackedVideo, Value
from metrics.metric import Metric, NotComputed
from toolkit.faces.geometry import INNER_LIP_MIDDLES, LEFT_EYE, MOUTH, MOUTH_CORNERS, RIGHT_EYE, distance

SIZE = 256

_PIXELS = f"px of {SIZE}"
_NEEDS = ("reference", "generated landmarks", "reference landmarks")
_CHEN = "Chen et al. 2018 (LMD); points and normalisation as in specs/metrics.md section 13"
METRICS = (
    Metric(
        name="f_lmd",
        title="F-LMD",
        unit=_PIXELS,
        direction="lower",
        needs=_NEEDS,
        definition="Mean distance between corresponding landmarks, all 68 points, frames scaled to 256×256.",
        source=_CHEN,
    ),
    Metric(
        name="m_lmd",
        title="M-LMD",
        unit=_PIXELS,
        direction="lower",
        needs=_NEEDS,
        definition="The same over the mouth's points 48 to 67.",
        source=_CHEN,
    ),
    Metric(
        name="f_lmd_centred",
        title="F-LMD centred",
        unit=_PIXELS,
        direction="lower",
        needs=_NEEDS,
        definition="F-LMD after each frame's own mean of the points is taken off: shape without position.",
        source=_CHEN,
    ),
    Metric(
        name="m_lmd_centred",
        title="M-LMD centred",
        unit=_PIXELS,
        direction="lower",
        needs=_NEEDS,
        definition="M-LMD after each frame's own mean of the mouth's points is taken off.",
        source=_CHEN,
    ),
    Metric(
        name="mouth_over_eye_distance",
        title="M-LMD / eyes",
        unit="eye distances",
        direction="lower",
        needs=_NEEDS,
        definition="Each frame's mouth distance over the reference's distance between its eye centres: free of picture size.",
        source=_CHEN,
    ),
    Metric(
        name="mouth_width_error",
        title="Mouth width error",
        unit=_PIXELS,
        direction="lower",
        needs=_NEEDS,
        definition="Mean absolute difference of the distance between the mouth's corners (48, 54).",
        source=_CHEN,
    ),
    Metric(
        name="mouth_opening_error",
        title="Mouth opening error",
        unit=_PIXELS,
        direction="lower",
        needs=_NEEDS,
        definition="Mean absolute difference of the gap between the inner lips (62, 66).",
        source=_CHEN,
    ),
)


def compute(tracked: TrackedVideo) -> dict[str, Value]:
    """Every variant over the frames in which both videos show a face."""
    generated, reference = tracked.generated, tracked.inputs.reference_landmarks
    length = min(len(generated.ok), len(reference.ok))
    both = np.flatnonzero(generated.ok[:length] & reference.ok[:length])
    if not both.size:
        raise NotComputed("no frame in which both the generated and the reference video show a face")
    place = tracked.inputs.place or in_picture
    return landmark_distances(
        place(reference.points[both], both, tracked.reference_size), place(generated.points[both], both, tracked.size)
    )


def in_picture(points: np.ndarray, frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Points in pictures of `size` (width, height), of whatever frames, as they lie in these scaled to 256 x 256."""
    return at_size(points, size)


def at_size(points: np.ndarray, size: tuple[int, int], new_size: tuple[int, int] = (SIZE, SIZE)) -> np.ndarray:
    """Points (..., 2) of a picture of `size` (width, height) as they lie in that picture resized to `new_size`.

    The centre of the top-left pixel is 0, 0 in both, hence the halves.
    """
    return (points + 0.5) * (np.asarray(new_size) / np.asarray(size)) - 0.5


def landmark_distances(reference: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Every variant, by its column's name, for landmarks (T, 68, 2) of T ≥ 1 frames in pixels of one size."""
    reference, generated = np.asarray(reference, np.float64), np.asarray(generated, np.float64)
    width, opening = (
        [distance(points, *ends) for points in (reference, generated)] for ends in (MOUTH_CORNERS, INNER_LIP_MIDDLES)
    )
    mouth = _distance(reference[:, MOUTH], generated[:, MOUTH])
    return {
        "f_lmd": _distance(reference, generated).mean().item(),
        "m_lmd": mouth.mean().item(),
        "f_lmd_centred": _distance(_centred(reference), _centred(generated)).mean().item(),
        "m_lmd_centred": _distance(_centred(reference[:, MOUTH]), _centred(generated[:, MOUTH])).mean().item(),
        "mouth_over_eye_distance": (mouth / _eye_distance(reference)).mean().item(),
        "mouth_width_error": np.abs(width[0] - width[1]).mean().item(),
        "mouth_opening_error": np.abs(opening[0] - opening[1]).mean().item(),
    }


def _distance(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Mean over points of the Euclidean distance: (T, n, 2) twice -> (T,)."""
    return np.linalg.norm(reference - generated, axis=-1).mean(axis=-1)


def _centred(points: np.ndarray) -> np.ndarray:
    return points - points.mean(axis=1, keepdims=True)


def _eye_distance(points: np.ndarray) -> np.ndarray:
    """Distance between the eyes' centres, each the mean of its six points: (T, 68, 2) -> (T,)."""
    return np.linalg.norm(points[:, LEFT_EYE].mean(axis=1) - points[:, RIGHT_EYE].mean(axis=1), axis=-1)
