"""A triangle mesh over a portrait: a few control points move, everything else follows smoothly.

The displacement of the free vertices is the harmonic extension of that of the control points (linear finite elements,
cotangent weights): the smoothest one, which on a Delaunay mesh never overshoots. The mesh is cut open along the rims of
mouth and eyes, so that the upper lip does not feel the lower one.
"""

import cv2
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu
from scipy.spatial import Delaunay
from skimage.draw import polygon2mask

SPACING = 10  # pixels between free vertices
CLEARANCE = 4.5  # pixels that a free vertex keeps from every control point
SUBPIXEL_BITS = 4  # of OpenCV's fixed-point polygon coordinates


class Mesh:
    """A mesh over a square picture of `size` pixels with `controls` (n, 2) among its vertices.

    `holes` are the outlines (slices of `controls`) whose inside belongs to another layer.
    """

    def __init__(self, controls: np.ndarray, holes: tuple[slice, ...], size: int) -> None:
        self.size = size
        steps = np.linspace(0, size - 1, round(size / SPACING) + 1)
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        distance = np.linalg.norm(grid[:, None] - controls[None], axis=-1).min(axis=1)
        inside = np.zeros((size, size), bool)
        for hole in holes:
            inside |= polygon2mask((size, size), controls[hole][:, ::-1])
        row, column = grid.round().astype(int).T[::-1]
        free = grid[(distance > CLEARANCE) & ~inside[row, column]]
        self.vertices = np.concatenate([controls, free])
        triangles = Delaunay(self.vertices).simplices
        in_hole = np.zeros(len(triangles), bool)
        for hole in holes:
            in_hole |= np.isin(triangles, np.arange(len(controls))[hole]).all(axis=1)
        # Holes are painted first: their neighbours may cover their edge, never the other way round.
        self.triangles = np.concatenate([triangles[in_hole], triangles[~in_hole]])
        border = np.isin(self.vertices, (0, size - 1)).any(axis=1)
        self.follow = harmonic(self.vertices, triangles[~in_hole], len(controls), border)

    def deform(self, moves: np.ndarray) -> np.ndarray:
        """All vertices (v, 2) when the control points move by `moves` (n, 2) and the picture's border stays."""
        return self.vertices + self.follow @ moves

    def warp(self, picture: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """`picture` (size, size, 3) carried along by the vertices at their new places `moved` (v, 2)."""
        index = np.zeros((self.size, self.size), np.int32)
        corners = moved[self.triangles]
        fixed = np.round(corners * (1 << SUBPIXEL_BITS)).astype(np.int32)
        for number, triangle in enumerate(fixed):
            cv2.fillConvexPoly(index, triangle, number, shift=SUBPIXEL_BITS)
        affine = inverse_affine(self.vertices[self.triangles], corners)[index]
        y, x = np.mgrid[: self.size, : self.size].astype(np.float32)
        source = affine[..., 0] * x[..., None] + affine[..., 1] * y[..., None] + affine[..., 2]
        return cv2.remap(picture, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def inverse_affine(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Maps (t, 2, 3) float32 that take each triangle of `target` (t, 3, 2) back onto that of `source`."""
    edges = np.swapaxes(target[:, 1:] - target[:, :1], 1, 2)
    (a, b), (c, d) = edges.transpose(1, 2, 0)
    area = a * d - b * c
    area = np.where(np.abs(area) < 1e-3, 1e-3, area)  # a closed mouth flattens its hole's triangles: they show nowhere
    inverse = np.stack([np.stack([d, -b], -1), np.stack([-c, a], -1)], 1) / area[:, None, None]
    linear = np.swapaxes(source[:, 1:] - source[:, :1], 1, 2) @ inverse
    offset = source[:, 0] - (linear @ target[:, 0, :, None])[..., 0]
    return np.concatenate([linear, offset[..., None]], axis=2).astype(np.float32)


def harmonic(vertices: np.ndarray, triangles: np.ndarray, controls: int, border: np.ndarray) -> np.ndarray:
    """Weights (v, controls) of the solution of Laplace's equation: the controls are given, the border stays at 0."""
    count = len(vertices)
    rows, columns, values = [], [], []
    for corner in range(3):
        apex, left, right = (triangles[:, (corner + step) % 3] for step in range(3))
        u, v = vertices[left] - vertices[apex], vertices[right] - vertices[apex]
        cross = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
        half_cotangent = 0.5 * (u * v).sum(axis=1) / cross
        rows += [left, right, left, right]
        columns += [right, left, left, right]
        values += [-half_cotangent, -half_cotangent, half_cotangent, half_cotangent]
    stiffness = coo_matrix(tuple([np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))])).tocsc()
    free = np.flatnonzero(~border[controls:]) + controls
    weights = np.zeros((count, controls))
    weights[:controls] = np.eye(controls)
    weights[free] = splu(stiffness[free][:, free]).solve(-stiffness[free][:, :controls].toarray())
    return weights
