"""Three talkers made from one photograph: plain, mirrored with a wider jaw and darker skin, narrow with glasses.

They are visibly one woman retouched: enough for a model to tell speakers apart, and no more.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from toolkit.synthetic.mesh import Mesh
from toolkit.synthetic.portrait import EYE_A, EYE_B, MOUTH, OUTER_LIPS, SIZE, Portrait, photograph

FOREHEAD = 9  # pixels of skin above the brows


class Look(NamedTuple):
    """A portrait and, where worn, `glasses` (SIZE, SIZE, 4) uint8 RGBA to be laid over it."""

    portrait: Portrait
    glasses: np.ndarray | None = None


def plain() -> Look:
    """The photograph as it is."""
    return Look(photograph())


def mirrored() -> Look:
    """The other way round, with a wider jaw, darker skin and hair, on a warm background."""
    face = mirror(photograph())
    face = reshape(face, jaw_width=0.07, chin=0.0)
    skin, hair, background = regions(face)
    picture = tint(face.picture, skin * (1 - openings(face.points)), (0.70, 0.60, 0.53))
    picture = tint(picture, hair, (0.42, 0.36, 0.40))
    picture = tint(picture, background, (0.86, 0.80, 0.66))
    return Look(Portrait(picture, face.points))


def glasses() -> Look:
    """A narrower face with a longer chin, dark hair, blue background and glasses."""
    face = reshape(photograph(), jaw_width=-0.09, chin=4.0)
    _, hair, background = regions(face)
    picture = tint(face.picture, hair, (0.35, 0.33, 0.42))
    picture = tint(picture, background, (0.52, 0.70, 0.92))
    return Look(Portrait(picture, face.points), paint_glasses(face.points))


LOOKS: dict[str, Callable[[], Look]] = {"plain": plain, "mirrored": mirrored, "glasses": glasses}


@lru_cache(maxsize=len(LOOKS))
def look_named(name: str) -> Look:
    """A look of `LOOKS`; made once per process."""
    return LOOKS[name]()


def mirror(face: Portrait) -> Portrait:
    """The face seen in a mirror, its control points in the usual order again."""
    points = face.points.copy()
    points[:, 0] = SIZE - 1 - points[:, 0]
    jaw, brows = points[:17][::-1], points[17:27][::-1]
    nose = points[[27, 28, 29, 30, 35, 34, 33, 32, 31]]
    rims = [mirrored_rim(points[part]) for part in (EYE_B, EYE_A, OUTER_LIPS, MOUTH)]
    return Portrait(np.ascontiguousarray(face.picture[:, ::-1]), np.concatenate([jaw, brows, nose, *rims]))


def mirrored_rim(rim: np.ndarray) -> np.ndarray:
    """A mirrored outline, clockwise from its left corner again."""
    half = len(rim) // 2
    return np.concatenate([rim[half::-1], rim[:half:-1]])


def reshape(face: Portrait, *, jaw_width: float, chin: float) -> Portrait:
    """The face with its jaw widened by a share of its width and its chin lowered by pixels."""
    mesh = Mesh(face.points, (), SIZE)
    moves = np.zeros_like(face.points)
    jaw = face.points[:17]
    middle = face.points[27:31, 0].mean()
    low = np.clip((jaw[:, 1] - jaw[0, 1]) / (jaw[8, 1] - jaw[0, 1]), 0, 1)
    moves[:17, 0] = jaw_width * (jaw[:, 0] - middle) * (0.35 + 0.65 * np.sin(np.pi * np.sqrt(low) / 1.4))
    moves[:17, 1] = chin * low**2
    moved = mesh.deform(moves)
    return Portrait(mesh.warp(face.picture, moved), moved[: len(face.points)])


def regions(face: Portrait) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Soft masks (SIZE, SIZE) float32, 0 to 1, of skin, hair and background, parted by colour and place."""
    smooth = cv2.GaussianBlur(face.picture, (0, 0), 1.2)
    lightness, _, yellow = cv2.split(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB))
    saturation = cv2.cvtColor(smooth, cv2.COLOR_RGB2HSV)[..., 1]
    row = np.arange(SIZE)[:, None]
    wall = (yellow > 122) & (yellow < 139) & (lightness > 140) & (saturation < 50)
    background = cv2.dilate(connected(wall, (4, 4)), np.ones((3, 3), np.uint8)) > 0
    chin, lobe, ear, brow = face.points[[8, 3, 1, 19], 1]
    head = (yellow > 132) & ~background & (row < chin + 22)
    head = cv2.morphologyEx(head.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)) > 0
    head = connected(head & ~background, tuple(face.points[30].astype(int))) > 0
    outline = np.concatenate([face.points[:17], face.points[26:16:-1] - (0, FOREHEAD)])
    inner = cv2.fillPoly(np.zeros((SIZE, SIZE), np.uint8), [np.round(outline).astype(np.int32)], 1) > 0
    fringe = (saturation > 100) & (row < brow)
    ears = (lightness > 140) & (saturation < 100) & (row > ear)
    skin = head & ((inner & ~fringe) | ears | (row > lobe))
    hair = head & ~skin
    return tuple(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2) for mask in (skin, hair, background))


def connected(mask: np.ndarray, seed: tuple[int, int]) -> np.ndarray:
    """The part (SIZE, SIZE) uint8 of a mask that hangs together with the pixel at `seed` (x, y)."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8))
    return (parts == parts[seed[1], seed[0]]).astype(np.uint8)


def openings(points: np.ndarray) -> np.ndarray:
    """Mask (SIZE, SIZE) float32 of eyes and teeth, which keep their colour whatever the skin's."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    for part, share in ((EYE_A, 0.3), (EYE_B, 0.3), (MOUTH, 0.6)):
        cv2.fillPoly(mask, [np.round(points[part]).astype(np.int32)], share)
    return cv2.GaussianBlur(mask, (0, 0), 0.8)


def tint(picture: np.ndarray, mask: np.ndarray, factors: tuple[float, float, float]) -> np.ndarray:
    """The picture with its colours multiplied by `factors` (RGB) where the mask (H, W) is 1."""
    share = mask[..., None]
    return (picture * (1 - share + share * np.float32(factors))).round().astype(np.uint8)


def paint_glasses(points: np.ndarray) -> np.ndarray:
    """Round-rectangular dark frames (SIZE, SIZE, 4) before the eyes, painted large and reduced for smooth edges."""
    scale = 8
    canvas = np.zeros((SIZE * scale, SIZE * scale), np.uint8)
    centres = [points[eye].mean(axis=0) + np.array([0, 1.5]) for eye in (EYE_A, EYE_B)]

    def at(point: np.ndarray) -> tuple[int, int]:
        x, y = np.round((np.asarray(point) + 0.5) * scale)
        return int(x), int(y)

    angle = np.linspace(0, 2 * np.pi, 120)
    for centre in centres:
        shape = np.sign(np.stack([np.cos(angle), np.sin(angle)])) * np.abs([np.cos(angle), np.sin(angle)]) ** 0.6
        ring = centre + (shape * [[17.5], [12.5]]).T
        cv2.polylines(canvas, [np.array([at(point) for point in ring])], True, 255, round(1.9 * scale))
    left, right = centres
    cv2.line(canvas, at(left - (-17.5, 3)), at(right - (17.5, 3)), 255, round(2.0 * scale))
    cv2.line(canvas, at(left - (17.5, 4)), at(points[0] - (2, 2)), 255, round(1.7 * scale))
    cv2.line(canvas, at(right - (-17.5, 4)), at(points[16] - (-2, 2)), 255, round(1.7 * scale))
    alpha = cv2.resize(canvas, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.dstack([np.full((SIZE, SIZE, 3), (38, 30, 34), np.uint8), alpha])
