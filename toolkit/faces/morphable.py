"""The Basel face model as `BFM_model_front.mat` holds it: shape, pose, camera, colour.

The file is licensed, so that everybody fetches it for themselves. A face is 257 coefficients; points are row vectors in
decimetres, x right, y up, z towards the camera.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from toolkit.errors import InputError
from toolkit.faces.five_points import five_points
from toolkit.faces.geometry import POINTS

COEFFICIENTS = 257
FOCAL, CENTRE, DISTANCE = 1015.0, 112.0, 10.0

# The files that a user places, and where they are to be had.
FOLDER = "weights/face3d"
SOURCES = {
    "BFM_model_front.mat": "https://drive.google.com/file/d/1d08qauPUH0Nu_yN2gcmreLSiOiweD5OE (under the face model's own terms)",
    "similarity_Lm3D_all.mat": "https://drive.google.com/file/d/17zp_zuUYAuieCWXerQkbp8SRSU4KJ8Fx",
    "epoch_20.pth": "https://github.com/sicxu/Deep3DFaceRecon_pytorch",
}


class Coefficients(NamedTuple):
    """257 numbers a frame by what they say, (..., n) each; angles in radian."""

    identity: np.ndarray
    expression: np.ndarray
    texture: np.ndarray
    angles: np.ndarray
    lighting: np.ndarray
    translation: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "Coefficients":
        """The parts of (..., 257)."""
        return cls(*np.split(values, [80, 144, 224, 227, 254], axis=-1))


class KeyLandmarks(NamedTuple):
    """The model at its 68 key points: `mean` (68, 3), `identity` (204, 80) and `expression` (204, 64) bases."""

    mean: np.ndarray
    identity: np.ndarray
    expression: np.ndarray

    def deviations(self, coefficients: np.ndarray) -> np.ndarray:
        """(T, 68, 3) how far the frontal landmarks of coefficients (T, 257) are from the mean."""
        parts = Coefficients.of(coefficients)
        moved = parts.identity @ self.identity.T + parts.expression @ self.expression.T
        return moved.reshape(len(coefficients), POINTS, 3)

    def motion(self, coefficients: np.ndarray) -> np.ndarray:
        """(T, 68, 3): ten times the deviations, what motion data are made of."""
        return 10 * self.deviations(coefficients)

    def frontal(self, coefficients: np.ndarray) -> np.ndarray:
        """(T, 68, 3) landmarks without pose, about -1..1."""
        return self.deviations(coefficients) + self.mean


class MorphableModel(NamedTuple):
    """The file's arrays. mean (N, 3); bases (3N, 80), (3N, 64), (3N, 80); mean_texture (N, 3) 0..255; triangles (F, 3) and
    fans (N, 8), counted from 0, where F stands for no triangle; keypoints (68,) as in the file, counted from 1."""

    mean: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    mean_texture: np.ndarray
    texture: np.ndarray
    triangles: np.ndarray
    fans: np.ndarray
    keypoints: np.ndarray

    def key_landmarks(self) -> KeyLandmarks:
        """The key points of motion data: there the file's numbers, which count from 1, are taken as if they counted from
        0, so that every landmark is the next vertex. Trained weights carry this."""

        def rows(basis: np.ndarray) -> np.ndarray:
            return basis.reshape(*self.mean.shape, -1)[self.keypoints].reshape(3 * POINTS, -1)

        return KeyLandmarks(self.mean[self.keypoints], rows(self.identity), rows(self.expression))

    def shape(self, coefficients: np.ndarray) -> np.ndarray:
        """(T, N, 3) vertices without pose, around the mean shape's centre."""
        parts = Coefficients.of(coefficients)
        moved = parts.identity @ self.identity.T + parts.expression @ self.expression.T
        return moved.reshape(len(coefficients), *self.mean.shape) + self.mean - self.mean.mean(0)

    def camera_vertices(self, coefficients: np.ndarray) -> np.ndarray:
        """(T, N, 3) vertices as the camera sees them, z away from it."""
        posed = pose(self.shape(coefficients), coefficients)
        posed[..., 2] = DISTANCE - posed[..., 2]
        return posed

    def landmarks(self, coefficients: np.ndarray) -> np.ndarray:
        """(T, 68, 2) landmarks in the aligned picture of 224 x 224, y up; here the key points are those meant."""
        return project(self.camera_vertices(coefficients)[:, self.keypoints - 1])

    def colour(self, coefficients: np.ndarray) -> np.ndarray:
        """(T, N, 3) colours of the vertices in their light, about 0..1."""
        parts = Coefficients.of(coefficients)
        texture = (parts.texture @ self.texture.T).reshape(len(coefficients), *self.mean.shape) + self.mean_texture
        normals = self._normals(self.shape(coefficients)) @ rotation(parts.angles)
        light = parts.lighting.reshape(-1, 3, 9).copy()
        light[..., 0] += 0.8
        return texture / 255 * (harmonics(normals) @ light.swapaxes(1, 2))

    def _normals(self, shape: np.ndarray) -> np.ndarray:
        """(T, N, 3) unit normals of the vertices."""
        first, second, third = (shape[:, corner] for corner in self.triangles.T)
        faces = _unit(np.cross(first - second, second - third))
        faces = np.concatenate([faces, np.zeros_like(faces[:, :1])], axis=1)  # of the triangle that is none
        return _unit(faces[:, self.fans].sum(2))


def rotation(angles: np.ndarray) -> np.ndarray:
    """(..., 3, 3) matrices for row vectors, p' = p R, of angles (..., 3) about x, y and z."""
    from scipy.spatial.transform import Rotation

    turned = Rotation.from_euler("xyz", angles.reshape(-1, 3)).as_matrix()
    return turned.swapaxes(-1, -2).reshape(*angles.shape[:-1], 3, 3).astype(angles.dtype)


def pose(points: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Points (T, n, 3) turned and shifted as coefficients (T, 257) say."""
    parts = Coefficients.of(coefficients)
    return points @ rotation(parts.angles) + parts.translation[:, None]


def project(points: np.ndarray) -> np.ndarray:
    """The camera's picture (..., 2), pixels of 224 x 224, y up, of points (..., 3) as it sees them."""
    return FOCAL * points[..., :2] / points[..., 2:] + CENTRE


def harmonics(normals: np.ndarray) -> np.ndarray:
    """The nine first spherical harmonics (..., 9) of normals (..., 3), as the model's light weighs them."""
    x, y, z = np.moveaxis(normals, -1, 0)
    flat = np.pi / np.sqrt(4 * np.pi)
    first = 2 * np.pi / np.sqrt(3) * np.sqrt(3) / np.sqrt(4 * np.pi)
    second = 2 * np.pi / np.sqrt(8) * 3 * np.sqrt(5) / np.sqrt(12 * np.pi)
    return np.stack(
        [
            np.full_like(x, flat),
            -first * y,
            first * z,
            -first * x,
            second * x * y,
            -second * y * z,
            second * (3 * z**2 - 1) / (2 * np.sqrt(3)),
            -second * x * z,
            second * (x**2 - y**2) / 2,
        ],
        axis=-1,
    )


def read_model(path: str | Path) -> MorphableModel:
    """`BFM_model_front.mat`, float32; InputError where it is not there or is another file."""
    content = _read(Path(path))
    vertices = _array(content, "meanshape", path).size // 3
    shapes = {
        "meanshape": (1, 3 * vertices),
        "idBase": (3 * vertices, 80),
        "exBase": (3 * vertices, 64),
        "meantex": (1, 3 * vertices),
        "texBase": (3 * vertices, 80),
        "tri": (None, 3),
        "point_buf": (vertices, 8),
        "keypoints": (1, POINTS),
    }
    arrays = {name: _array(content, name, path, shape) for name, shape in shapes.items()}
    return build_model(arrays)


def build_model(arrays: dict[str, np.ndarray]) -> MorphableModel:
    """The model of the file's arrays by their names there."""
    floats = {name: np.asarray(arrays[name], np.float32) for name in ("idBase", "exBase", "texBase")}
    return MorphableModel(
        mean=np.asarray(arrays["meanshape"], np.float32).reshape(-1, 3),
        identity=floats["idBase"],
        expression=floats["exBase"],
        mean_texture=np.asarray(arrays["meantex"], np.float32).reshape(-1, 3),
        texture=floats["texBase"],
        triangles=np.asarray(arrays["tri"], np.int64) - 1,
        fans=np.asarray(arrays["point_buf"], np.int64) - 1,
        keypoints=np.asarray(arrays["keypoints"], np.int64).reshape(-1),
    )


def read_standard_points(path: str | Path) -> np.ndarray:
    """The standard face's five points (5, 3) of `similarity_Lm3D_all.mat`; InputError where it is not there or is another
    file."""
    return five_points(_array(_read(Path(path)), "lm", path, (POINTS, 3)).astype(np.float64))


def missing(path: str | Path) -> InputError:
    """The error that one of the placed files is not there: where it comes from and where it goes."""
    return InputError(path, "there is no such file", _remedy(path))


def _remedy(path: str | Path) -> str:
    name = Path(path).name
    return f"Get {name} at {SOURCES[name]} and place it at {path}" if name in SOURCES else "Give the published file"


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).clip(1e-12)


def _read(path: Path) -> dict[str, np.ndarray]:
    from scipy.io import loadmat

    if not path.is_file():
        raise missing(path)
    try:
        return loadmat(path)
    except Exception as error:  # a file that is no MATLAB file can raise anything
        raise InputError(path, f"cannot be read as a MATLAB file ({type(error).__name__})", _remedy(path)) from error


def _array(content: dict, name: str, path: str | Path, shape: tuple[int | None, ...] | None = None) -> np.ndarray:
    """One of the file's arrays; None in `shape` is any length."""
    found = content.get(name)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
        raise InputError(path, f"holds no array {name}", _remedy(path))
    fits = shape is None or (
        found.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))
    )
    if not fits:
        raise InputError(path, f"its {name} is {found.shape} and not {shape}", _remedy(path))
    return found
