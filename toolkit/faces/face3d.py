"""Frontal 3D landmarks and pose of every frame of a view, in one file format for all ways of finding them.

Points are x right, y up, z towards the camera, row vectors. A frame's landmarks in the view are its frontal ones
(`motion` / 10 + `mean`) turned by `rotation` and then, `in_view`, seen along z, scaled and moved to `centre`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from toolkit.errors import InputError
from toolkit.faces.five_points import SIZE, five_points
from toolkit.files import write_npz

MODELS = ("bfm", "learned")
MOTION = 10.0  # motion is so many times the deviation from the mean


class Face3D(NamedTuple):
    """What is known of T frames.

    motion (T, 68, 3) float32: ten times the deviation of frontal landmarks from the mean; rotation (T, 3, 3) float32,
    p' = p R; scale (T,) float32: pixels of the aligned picture of 224 x 224 for one of the view; centre (T, 2) float32:
    mean of the frame's five points, view pixels, y down; mean (68, 3) float32; coefficients (T, C) float32, the model's
    own; model: "bfm" or "learned".
    """

    motion: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray
    centre: np.ndarray
    mean: np.ndarray
    coefficients: np.ndarray
    model: str


def read_face3d(path: str | Path) -> Face3D:
    """A file that `write_face3d` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in Face3D._fields}
    return Face3D(**found | {"model": str(found["model"])})


def write_face3d(path: str | Path, face: Face3D) -> None:
    """Write the file, whole or not at all."""
    arrays = {name: np.asarray(value, np.float32) for name, value in face._asdict().items() if name != "model"}
    write_npz(path, **arrays, model=np.array(face.model))


def face3d_model(path: str | Path) -> str:
    """Which model a file's faces are of, "bfm" or "learned"; nothing else is read."""
    with np.load(path, allow_pickle=False) as arrays:
        return str(arrays["model"])


def check_face3d_model(path: str | Path, trained_on: str, weights: str | Path) -> None:
    """Refuse faces of another model than the one that `weights` were trained on: their points mean other places."""
    found = face3d_model(path)
    if found != trained_on:
        problem = f"its faces are of the {found} model, but {weights} was trained on those of the {trained_on} one"
        raise InputError(path, problem, f"Set face3d: {{model: {trained_on}}} in the configuration, or train anew")


def frontal(motion: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Frontal landmarks (..., 68, 3), about -1..1, of motion and the mean shape (68, 3)."""
    return motion / MOTION + mean


def in_view(posed: np.ndarray, scale: np.ndarray, centre: np.ndarray, truncated: bool = False) -> np.ndarray:
    """Turned landmarks (T, 68, 3) as points (T, 68, 2) of the view, pixels, y down; any shift of theirs is without effect.

    truncated: cut the points of the 224-pixel picture to whole pixels first, as published; it makes them tremble.
    """
    half = SIZE / 2
    points = posed[..., :2] * half + half
    if truncated:
        points = np.trunc(points)
    points = points / np.asarray(scale)[..., None, None] * [1, -1]
    return points + (centre - five_points(points).mean(-2))[..., None, :]
