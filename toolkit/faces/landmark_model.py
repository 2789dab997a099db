"""3D landmarks learned from 2D ones, for those who have no licensed face model: a mean shape and principal components.

The camera is a weak perspective one: landmarks are turned, seen along z, scaled and shifted. What frontal points do not
tell, their depth, begins as that of an ellipsoid with a nose; where heads turn, the landmarks themselves correct it, as in a
factorisation (Tomasi and Kanade 1992) that is held to this prior. A frame's frontal landmarks then take over all that its
points say beyond the model, so that turned back they are these points.

Points are x right, y up, z towards the camera, row vectors, in decimetres (eyes 0.63 apart), as the Basel face model's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from toolkit.errors import InputError
from toolkit.faces.face3d import MOTION, Face3D
from toolkit.faces.five_points import SIZE, five_points
from toolkit.faces.geometry import LEFT_EYE, NOSE_BRIDGE, NOSTRILS, POINTS, RIGHT_EYE
from toolkit.faces.smoothing import runs
from toolkit.files import write_npz

FRAMES = 4000  # looked at for a model
BLOCK = 2000  # frames whose poses are found at once, and of which a clip's shape is made
COMPONENTS = 20
EYES = 0.63  # between the eyes' centres
ROUNDS = 20
SMOOTHING = 1.5  # frames, of the pose: its tremble is the landmarks' own
MOST_TURNED = 0.3  # of the cosine of the turn: beyond, landmarks are not turned back any further

# A head's own shape is held to what was known before, x and y as by so much evidence in every frame. A turn's evidence of depth
# is its squared sine, 0.001 at 2 degrees, and weighs against how much the landmark moves by itself over how much depths may
# differ (decimetres): else a chin that sinks whenever the head nods would become a deep one.
HELD, DEPTHS_DIFFER = 0.02, 0.15

_MIRRORED = np.array(
    [
        *(*range(16, -1, -1), *range(26, 16, -1)),
        *(27, 28, 29, 30, 35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
    ]
)


def _weights() -> np.ndarray:
    """How much each landmark says of the head's pose, (68,): nothing that speech or a glance moves."""
    weights = np.zeros(POINTS)
    weights[[*range(0, 4), *range(13, 17)]] = 0.1
    weights[[LEFT_EYE.start, LEFT_EYE.start + 3, RIGHT_EYE.start, RIGHT_EYE.start + 3]] = 1
    weights[NOSE_BRIDGE] = weights[NOSTRILS] = 1
    return weights / weights.sum()


WEIGHTS = _weights()


class LandmarkModel(NamedTuple):
    """mean (68, 3); components (k, 68, 3), of length one; deviations (k,), how far frames go along each."""

    mean: np.ndarray
    components: np.ndarray
    deviations: np.ndarray


class _Poses(NamedTuple):
    """Of each frame: rotation (T, 3, 3), p' = p R; scale (T,), pixels a unit; shift (T, 2), pixels, y up."""

    rotation: np.ndarray
    scale: np.ndarray
    shift: np.ndarray


def prior_depth(shape: np.ndarray) -> np.ndarray:
    """A guess at the depth (68,) of frontal landmarks (68, 2): an ellipsoid, on which nose and lips stand out."""
    middle = five_points(shape).mean(0)
    x, y = ((shape - middle) / [0.8, 1.6]).T
    depth = 0.85 * np.sqrt((1 - x**2 - y**2).clip(0.01))
    depth[NOSE_BRIDGE] += [0.05, 0.15, 0.25, 0.35]
    depth[NOSTRILS] += [0.1, 0.15, 0.2, 0.15, 0.1]
    depth[48:68] += 0.05
    return depth - depth @ WEIGHTS


def fit(clips: Sequence[tuple[np.ndarray, np.ndarray]]) -> LandmarkModel:
    """The model of all clips, each as points (T, 68, 2) in pixels, y down, and `ok` (T,); frames without a face do not count.

    Raises InputError where no frame shows a face.
    """
    total = sum(int(ok.sum()) for _, ok in clips)
    if not total:
        raise InputError("training clips", "no frame of theirs shows a face", "Give clips of faces")
    step = -(-total // FRAMES)
    seen = [_upwards(points[ok][::step]) for points, ok in clips if ok.any()]
    mean = _mean_shape(seen)
    frames = np.concatenate([_frontal(points, _own_shape(points, mean))[0] for points in seen])
    mean = frames.mean(0)
    _, singular, axes = np.linalg.svd((frames - mean).reshape(len(frames), -1), full_matrices=False)
    count = int(min(COMPONENTS, (singular > 1e-6 * singular[0]).sum())) if singular[0] > 0 else 0
    return LandmarkModel(
        mean.astype(np.float32),
        axes[:count].reshape(-1, POINTS, 3).astype(np.float32),
        (singular[:count] / np.sqrt(len(frames))).astype(np.float32),
    )


def reconstruct(model: LandmarkModel, points: np.ndarray, ok: np.ndarray) -> Face3D:
    """The 3D faces of a clip's points (T, 68, 2), pixels, y down, of which those that are `ok` (T,), one at least, show the head's
    own shape. `coefficients` are along the model's components."""
    up = _upwards(points)
    frames, poses = _frontal(up, _own_shape(up[ok], model.mean.astype(np.float64)), runs(points, ok))
    deviation = frames - model.mean
    coefficients = deviation.reshape(len(frames), -1) @ model.components.reshape(-1, 3 * POINTS).T
    return Face3D(
        motion=(MOTION * deviation).astype(np.float32),
        rotation=poses.rotation.astype(np.float32),
        scale=(SIZE / 2 / poses.scale).astype(np.float32),
        centre=five_points(points).mean(1).astype(np.float32),
        mean=model.mean,
        coefficients=coefficients.astype(np.float32),
        model="learned",
    )


def write_model(path: str | Path, model: LandmarkModel) -> None:
    """Write a model, whole or not at all."""
    write_npz(path, **model._asdict())


def read_model(path: str | Path) -> LandmarkModel:
    """A model that `write_model` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return LandmarkModel(*(arrays[name] for name in LandmarkModel._fields))


def _upwards(points: np.ndarray) -> np.ndarray:
    return np.asarray(points, np.float64) * [1, -1]


def _mean_shape(clips: Sequence[np.ndarray]) -> np.ndarray:
    """(68, 3) of clips' frames (T, 68, 2), y up: symmetric, upright, in decimetres.

    The mean of the heads' own shapes: one shape for all would take the differences of heads for turns.
    """
    flat = _symmetric(_normalised(np.median(_normalised(np.concatenate(clips)), axis=0)))
    prior = np.column_stack([flat, prior_depth(flat)])
    shape = _symmetric(np.mean([_own_shape(points, prior) for points in clips], axis=0))
    eyes = np.linalg.norm(np.subtract(*five_points(shape)[:2]))
    return shape * EYES / eyes


def _normalised(points: np.ndarray) -> np.ndarray:
    """Points (..., 68, 2) with the eyes level, `EYES` apart, around the five points' middle."""
    five = five_points(points)
    eyes = five[..., 1, :] - five[..., 0, :]
    z = (points - five.mean(-2, keepdims=True)) @ [1, 1j]
    z = z * EYES / (eyes @ [1, 1j])[..., None]
    return np.stack([z.real, z.imag], -1)


def _symmetric(shape: np.ndarray) -> np.ndarray:
    """The mean of a shape (68, d) and its mirror image."""
    mirrored = shape[_MIRRORED] * [-1, *[1] * (shape.shape[1] - 1)]
    return (shape + mirrored) / 2


def _own_shape(points: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """The shape (68, 3) that stands still in a clip's frames (T, 68, 2), y up, whose poses are found with it, by turns."""
    points, shape = points[:: -(-len(points) // BLOCK)], prior
    for _ in range(ROUNDS):
        poses = _poses(points, shape)
        seen = (points - poses.shift[:, None]) / poses.scale[:, None, None]
        basis = poses.rotation[:, :, :2]  # a frame's two equations for each point: point @ basis = seen
        moves = ((seen - shape @ basis) ** 2).mean((0, 2))
        held = np.column_stack([np.full((POINTS, 2), HELD), moves / DEPTHS_DIFFER**2])
        normal = np.einsum("tia,tja->ij", basis, basis) + len(points) * held[..., None] * np.eye(3)
        right = np.einsum("tia,tka->ki", basis, seen) + len(points) * held * prior
        shape = np.linalg.solve(normal, right[..., None])[..., 0]
        shape = shape - WEIGHTS @ shape
    return shape


def _poses(points: np.ndarray, shape: np.ndarray, steps: int = 6) -> _Poses:
    """The weak perspective poses in which `shape` comes nearest to points (T, 68, 2), y up, by its steady landmarks.

    The affine camera's nearest rotation, then Gauss-Newton steps.
    """
    offset = WEIGHTS @ shape
    shape = shape - offset
    middle = np.einsum("k,tkd->td", WEIGHTS, points)
    seen = points - middle[:, None]
    weighted = shape * WEIGHTS[:, None]
    # (T, 3, 2): shape @ affine = seen. The ridge keeps the depth's row finite for a flat shape.
    gram = weighted.T @ shape + 1e-9 * np.eye(3)
    affine = np.linalg.solve(gram, np.einsum("ki,tka->tia", weighted, seen))
    left, stretch, right = np.linalg.svd(affine, full_matrices=False)
    scale, columns = stretch.mean(-1), left @ right
    rotation = np.concatenate([columns, np.cross(columns[..., 0], columns[..., 1])[..., None]], -1)
    root = np.sqrt(WEIGHTS)[:, None]
    for _ in range(steps):
        turned = shape @ rotation  # (T, 68, 3)
        x, y, z = np.moveaxis(turned, -1, 0)
        zero, size = np.zeros_like(x), scale[:, None]
        across = np.stack([zero, size * z, -size * y, x], -1)  # by turns about x, y, z and by the scale
        along = np.stack([-size * z, zero, size * x, y], -1)
        slopes = np.concatenate([across * root, along * root], 1)
        rest = seen - scale[:, None, None] * turned[..., :2]
        rest = np.concatenate([rest[..., :1] * root, rest[..., 1:] * root], 1)
        square = slopes.swapaxes(1, 2) @ slopes
        square += 1e-9 * np.trace(square, axis1=1, axis2=2)[:, None, None] * np.eye(4)
        step = np.linalg.solve(square, slopes.swapaxes(1, 2) @ rest)[..., 0]
        rotation = rotation @ _turn(step[:, :3].clip(-0.5, 0.5))
        scale = (scale + step[:, 3]).clip(scale / 2, scale * 2)
    return _Poses(rotation, scale, middle - scale[:, None] * (offset @ rotation)[..., :2])


def _turn(vectors: np.ndarray) -> np.ndarray:
    """(T, 3, 3) for row vectors: turns about (T, 3), radian."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(vectors).as_matrix().swapaxes(-1, -2)


def _frontal(points: np.ndarray, shape: np.ndarray, steady: Sequence[slice] = ()) -> tuple[np.ndarray, _Poses]:
    """Frontal landmarks (T, 68, 3) of one head, of which the poses make exactly the points (T, 68, 2), y up (but for a shift),
    and the poses, smoothed in the stretches `steady`.

    What a frame's points deviate from the head's own `shape` is turned back with no depth of its own.
    """
    blocks = [_poses(points[first : first + BLOCK], shape) for first in range(0, len(points), BLOCK)]
    poses = _smoothed(_Poses(*map(np.concatenate, zip(*blocks, strict=True))), steady)
    seen = (points - np.einsum("k,tkd->td", WEIGHTS, points)[:, None]) / poses.scale[:, None, None]
    turned = (shape - WEIGHTS @ shape) @ poses.rotation
    rest = seen - turned[..., :2]
    back = np.linalg.inv(_bounded(poses.rotation[:, :2, :2]))
    frames = np.broadcast_to(shape, (len(points), *shape.shape)).copy()
    frames[..., :2] += rest @ back
    return frames, poses


def _bounded(turns: np.ndarray) -> np.ndarray:
    """Turns' upper left parts (T, 2, 2) whose smaller singular value is at least `MOST_TURNED`."""
    left, stretch, right = np.linalg.svd(turns)
    return left * stretch.clip(min=MOST_TURNED)[:, None] @ right


def _smoothed(poses: _Poses, stretches: Sequence[slice]) -> _Poses:
    """Rotations and scales with a Gaussian over time in each stretch of frames."""
    from scipy.ndimage import gaussian_filter1d

    rotation, scale = poses.rotation.copy(), poses.scale.copy()
    for stretch in stretches:
        mean = gaussian_filter1d(rotation[stretch], SMOOTHING, axis=0, mode="nearest")
        left, _, right = np.linalg.svd(mean)
        rotation[stretch] = left @ right
        scale[stretch] = gaussian_filter1d(scale[stretch], SMOOTHING, mode="nearest")
    return poses._replace(rotation=rotation, scale=scale)
