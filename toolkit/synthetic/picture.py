"""Pictures of a talker: the warped photograph in front, eyeballs and the inside of the mouth behind it."""

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np

from toolkit.synthetic.looks import Look, look_named
from toolkit.synthetic.mesh import Mesh
from toolkit.synthetic.motion import Motion, face_moves
from toolkit.synthetic.portrait import EYE_A, EYE_B, LANDMARKS, MOUTH, SIZE

HOLES = (EYE_A, EYE_B, MOUTH)
OVERSAMPLING = 4  # of a hole's outline, for smooth edges
PIVOT = (128.0, 232.0)  # the head turns about the base of the neck
HEAD_CENTRE, HEAD_RADII = (128.0, 105.0), (150.0, 140.0)  # the head's sway has faded out at this ellipse
RIGID = 0.62  # and is whole within this part of it
GUM, THROAT, TONGUE = (112, 58, 54), (30, 12, 12), (150, 78, 76)


class Talker:
    """One look, ready to be moved."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.points = look.portrait.points
        self.mesh = Mesh(self.points, HOLES, SIZE)
        self.skin = fill_holes(look.portrait.picture, self.points)
        self.throat, self.tongue, self.teeth = inside_of_mouth(look.portrait.picture, self.points)
        self.rigidity = rigidity(self.mesh.vertices)
        eyes = self.points[LANDMARKS[[36, 45]]]
        self.eye_distance = float(np.linalg.norm(eyes[1] - eyes[0]))

    def frames(self, motion: Motion) -> Iterator[np.ndarray]:
        """Pictures (SIZE, SIZE, 3) uint8 RGB, one per frame of `motion`."""
        for index in range(len(motion.opening)):
            moved, head = self.place(motion, index)
            yield self.render(moved, head)

    def landmarks(self, motion: Motion) -> np.ndarray:
        """True places (T, 68, 2) of the 68 landmarks, pixels."""
        return np.stack([self.place(motion, index)[0][LANDMARKS] for index in range(len(motion.opening))])

    def place(self, motion: Motion, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (v, 2) and the head's rigid motion (2, 3) in one frame."""
        gap = motion.opening[index] * self.eye_distance
        moves = face_moves(self.points, gap, motion.roundness[index], motion.lids[index], motion.brows[index])
        shaped = self.mesh.deform(moves)
        head = cv2.getRotationMatrix2D(PIVOT, -motion.roll[index], 1)  # OpenCV counts anticlockwise
        head[:, 2] += motion.x[index], motion.y[index]
        carried = shaped @ head[:, :2].T + head[:, 2]
        return shaped + self.rigidity[:, None] * (carried - shaped), head

    def render(self, moved: np.ndarray, head: np.ndarray) -> np.ndarray:
        """The picture for vertices at `moved` on a head that is carried by `head`."""
        picture = self.mesh.warp(self.skin, moved)
        for eye in (EYE_A, EYE_B):
            reveal(picture, moved[eye], [(self.look.portrait.picture, head)])
        lower_lip = LANDMARKS[66]
        jaw = moved[lower_lip] - (head[:, :2] @ self.points[lower_lip] + head[:, 2])
        with_jaw = np.column_stack([head[:, :2], head[:, 2] + jaw])
        mouth = [(self.throat, head), (self.tongue, with_jaw), (self.teeth, head)]
        reveal(picture, moved[MOUTH], mouth, shade=True)
        if self.look.glasses is not None:
            everywhere = (slice(0, SIZE), slice(0, SIZE))
            picture = over(picture, carry(self.look.glasses, head, everywhere))
        return picture


def talker_frames(look: str, motion: Motion) -> Iterator[np.ndarray]:
    """The pictures of `motion` in a look by name; see `Talker.frames`."""
    return talker(look).frames(motion)


@lru_cache(maxsize=4)
def talker(look: str) -> Talker:
    """The talker of a look by name; made once per process."""
    return Talker(look_named(look))


def rigidity(vertices: np.ndarray) -> np.ndarray:
    """How far each vertex (v, 2) goes along with the head: 1 on it, fading to 0 towards the border of the picture."""
    radius = np.linalg.norm((vertices - HEAD_CENTRE) / HEAD_RADII, axis=1)
    border = np.minimum(vertices, SIZE - 1 - vertices).min(axis=1)
    fade = np.clip((1 - radius) / (1 - RIGID), 0, 1) * np.clip(border / 14, 0, 1)
    return fade**2 * (3 - 2 * fade)


def fill_holes(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The picture with lids and lips painted over eyes and teeth, so that no tooth shines through at a lip's edge."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for hole in HOLES:
        cv2.fillPoly(mask, [np.round(points[hole]).astype(np.int32)], 255)
    return cv2.inpaint(picture, mask, 4, cv2.INPAINT_TELEA)


def inside_of_mouth(picture: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the lips uncover, back to front, uint8: a dark throat (SIZE, SIZE, 3), a tongue (SIZE, SIZE, 4) that goes
    with the jaw, and the photograph's own teeth (SIZE, SIZE, 4)."""
    rim = points[MOUTH]
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    centre, half = (rim[0, 0] + rim[12, 0]) / 2, (rim[12, 0] - rim[0, 0]) / 2
    top = np.interp(x[0], rim[:13, 0], rim[:13, 1])
    bottom = np.interp(x[0], rim[[0, *range(23, 11, -1)], 0], rim[[0, *range(23, 11, -1)], 1])
    depth = np.clip((y - top) / 7, 0, 1)[..., None]
    throat = (1 - depth) * GUM + depth * THROAT
    across = (x - centre) / half
    arch = np.clip((0.80 - np.abs(across)) / 0.25, 0, 1)  # the row of teeth ends before the corners
    teeth = ((y > top + 0.3) & (y < bottom - 0.6)) * arch
    teeth = cv2.GaussianBlur(teeth, (0, 0), 0.6)[..., None]
    low = bottom[round(centre)]
    bulge = ((x - centre) / (0.6 * half)) ** 2 + ((y - low - 1.0) / 7.5) ** 2
    alpha = 0.9 * np.clip((1.15 - bulge) / 0.5, 0, 1)
    light = 0.75 + 0.35 * np.clip(1 - bulge, 0, 1)
    tongue = np.dstack([light[..., None] * TONGUE, 255 * alpha])
    teeth = np.dstack([0.94 * picture, 255 * teeth])
    return (np.clip(layer, 0, 255).round().astype(np.uint8) for layer in (throat, tongue, teeth))


def carry(layer: np.ndarray, head: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    """The part of a layer (SIZE, SIZE, channels) moved by `head` that is seen in a window (rows, columns)."""
    rows, columns = window
    shifted = np.column_stack([head[:, :2], head[:, 2] - (columns.start, rows.start)])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    return cv2.warpAffine(layer, shifted, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def over(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """`above` (H, W, 4) laid on `below` (H, W, 3)."""
    alpha = above[..., 3:] / np.float32(255)
    return (below + alpha * (above[..., :3] - below.astype(np.float32))).round().astype(np.uint8)


def reveal(
    picture: np.ndarray, outline: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]], *, shade: bool = False
) -> None:
    """Show what lies behind a hole with this outline (n, 2), in place; its edge is smooth, and dark where `shade`.

    layers: pictures with the motion (2, 3) that carries each, back to front; the first has no alpha channel.
    """
    left, top = np.floor(outline.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(outline.max(axis=0)).astype(int) + 3
    window = (slice(top, bottom), slice(left, right))
    cover = coverage(outline - (left, top), bottom - top, right - left)[..., None]
    behind, *others = (carry(layer, motion, window) for layer, motion in layers)
    for layer in others:
        behind = over(behind, layer)
    behind = behind.astype(np.float32)
    if shade:
        behind *= 0.55 + 0.45 * cv2.GaussianBlur(cover, (0, 0), 1.5)[..., None]
    front = picture[window].astype(np.float32)
    picture[window] = (front + cover * (behind - front)).round().astype(np.uint8)


def coverage(outline: np.ndarray, height: int, width: int) -> np.ndarray:
    """The share (height, width) float32 of each pixel that lies inside a polygon (n, 2)."""
    fine = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), np.uint8)
    scaled = (outline + 0.5) * OVERSAMPLING - 0.5
    cv2.fillPoly(fine, [np.round(scaled * 16).astype(np.int32)], 255, shift=4)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
