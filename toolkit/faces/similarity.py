"""Similarity transforms of the plane (rotation, one scale, shift), as (..., 2, 3) matrices: p -> A p + t."""

import numpy as np


def fit(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The similarities without reflection that bring `points` (..., n, 2) nearest to `target` (n, 2), least squares.

    In complex numbers such a transform is z -> a z + b, so that the fit of Umeyama (1991) is a line through the data.
    """
    z, w = _complex(points), _complex(target)
    z_mean, w_mean = z.mean(-1, keepdims=True), w.mean(-1, keepdims=True)
    spread = (np.abs(z - z_mean) ** 2).sum(-1)
    a = ((w - w_mean) * np.conj(z - z_mean)).sum(-1) / spread
    b = w_mean[..., 0] - a * z_mean[..., 0]
    return np.stack([np.stack([a.real, -a.imag, b.real], -1), np.stack([a.imag, a.real, b.imag], -1)], -2)


def apply(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """`points` (..., n, 2), each set moved by its own matrix (..., 2, 3)."""
    return points @ np.swapaxes(matrices[..., :2], -1, -2) + matrices[..., None, :, 2]


def invert(matrices: np.ndarray) -> np.ndarray:
    """The way back, (..., 2, 3)."""
    back = np.linalg.inv(matrices[..., :2])
    return np.concatenate([back, -back @ matrices[..., 2:]], -1)


def scale(matrices: np.ndarray) -> np.ndarray:
    """How many target pixels a source pixel is long, (...,)."""
    return np.sqrt(np.linalg.det(matrices[..., :2]))


def resized(matrix: np.ndarray, size: float, new_size: float) -> np.ndarray:
    """The transform whose target picture is `new_size` pixels wide instead of `size` (pixel centres at whole numbers)."""
    factor = new_size / size
    return matrix * factor + [[0, 0, (factor - 1) / 2]]


def _complex(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, np.float64)
    return points[..., 0] + 1j * points[..., 1]
