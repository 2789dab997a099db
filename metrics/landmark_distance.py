"""Landmark distances of generated from reference frames in pixels, lower is better (specs/metrics.md section 13;
Chen et al. 2018).

Papers cite LMD without saying which points, which picture size and which normalisation; each variant has its own name
here. The scoring scales points to frames of 256×256 first and leaves out frames in which either detector failed.
"""

import numpy as np

from toolkit.faces.geometry import INNER_LIP_MIDDLES, LEFT_EYE, MOUTH, RIGHT_EYE, distance

SIZE = 256
MOUTH_CORNERS = (48, 54)
LANDMARK_DISTANCES = (
    "f_lmd",
    "m_lmd",
    "f_lmd_centred",
    "m_lmd_centred",
    "mouth_over_eye_distance",
    "mouth_width_error",
    "mouth_opening_error",
)
"""The variants, by their names in the table."""


def at_size(points: np.ndarray, size: tuple[int, int], new_size: tuple[int, int] = (SIZE, SIZE)) -> np.ndarray:
    """Points (..., 2) of a picture of `size` (width, height) as they lie in that picture resized to `new_size`.

    The centre of the top-left pixel is 0, 0 in both, hence the halves.
    """
    return (points + 0.5) * (np.asarray(new_size) / np.asarray(size)) - 0.5


def landmark_distances(reference: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Every one of `LANDMARK_DISTANCES`, for landmarks (T, 68, 2) of T ≥ 1 frames in pixels of one size."""
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
