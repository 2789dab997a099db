"""Geometry of landmarks (specification, sections 3.5 and 6.2): generated motion in a driving video's pose, and the landmark
files that training reads."""

from typing import NamedTuple

import numpy as np

from toolkit.errors import InputError
from toolkit.faces.face3d import Face3D, frontal, in_view, read_face3d
from toolkit.faces.morphable import Coefficients, KeyLandmarks, pose

__all__ = ["DatasetLandmarks", "Face3D", "align_motion", "dataset_landmarks", "frontal", "read_face3d"]


class DatasetLandmarks(NamedTuple):
    """Of each frame `unposed` and `posed` (T, 68, 3), decimetres, and `points` (T, 68, 2), view pixels, y down."""

    unposed: np.ndarray
    posed: np.ndarray
    points: np.ndarray


def align_motion(motion: np.ndarray, driving: Face3D, frames: np.ndarray, truncated: bool = False) -> np.ndarray:
    """Generated motion (L, 68, 3) in the pose, size and place of the driving view's frames of numbers `frames` (L,): points
    (L, 68, 2) float32, view pixels, y down.

    truncated: as published (see `in_view`), where the translation decides what is cut off. Raises InputError where the driving
    faces have none: the model "bfm" alone has it.
    """
    posed = frontal(motion, driving.mean) @ driving.rotation[frames]
    if truncated and driving.model != "bfm":
        raise InputError("3D faces", f"the {driving.model} model has no translation", "Leave landmarks untruncated")
    if truncated:
        posed += Coefficients.of(driving.coefficients[frames]).translation[:, None]
    return in_view(posed, driving.scale[frames], driving.centre[frames], truncated).astype(np.float32)


def dataset_landmarks(
    coefficients: np.ndarray, landmarks: KeyLandmarks, scale: np.ndarray, centre: np.ndarray, truncated: bool = False
) -> DatasetLandmarks:
    """The landmark files of frames by their coefficients (T, 257); `scale` (T,) and `centre` (T, 2) as in `Face3D`."""
    unposed = landmarks.frontal(coefficients)
    posed = pose(unposed, coefficients)
    return DatasetLandmarks(unposed, posed, in_view(posed, scale, centre, truncated))
