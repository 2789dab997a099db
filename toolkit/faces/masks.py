"""Where a made picture counts: masks that fall to nothing before their rim, so that no seam shows."""

import cv2
import numpy as np

from toolkit.faces.geometry import JAW, NOSE_TIP, inter_ocular

_RAISED = 0.5  # eye distances above the landmarks for the forehead, which has none
_ROOM = 0.12  # eye distances around the landmarks, for a jaw that drops and cheeks that widen
_SOFT = 0.2  # eye distances over which the mask falls
_JAW_DROP = 0.08  # of the picture's size, by which a painted jaw may hang lower than the frame's own
_GROWTH = 1 / 32  # of the picture's size, by which the lower face is grown, and over which it fades out


def feathered(mask: np.ndarray, growth: int) -> np.ndarray:
    """A mask (size, size) of 0 and 1 that rises over `growth` pixels inside its rim.

    Beyond the picture counts as outside, so that a window at the edge fades out there too.
    """
    distance = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.clip(distance / (growth + 1), 0, 1).astype(np.float32)


def face_mask(points: np.ndarray, size: int) -> np.ndarray:
    """(size, size) float32: 1 on the face from forehead to chin, 0 beyond; points (68, 2) in its pixels."""
    points = np.asarray(points, np.float64)
    eyes = float(inter_ocular(points))
    top = points[JAW.stop :, 1].min() - _RAISED * eyes
    forehead = np.stack([points[JAW][[2, 5, 11, 14], 0], np.full(4, top)], axis=1)
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [cv2.convexHull(np.concatenate([points, forehead]).round().astype(np.int32))], 1)
    room = max(round((_ROOM + _SOFT) * eyes), 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * room + 1, 2 * room + 1))
    return feathered(cv2.dilate(mask, disc), max(round(_SOFT * eyes), 1))


def lower_face_mask(points: np.ndarray, size: int) -> np.ndarray:
    """(size, size) float32: 1 on the face from the tip of the nose down, with room for a jaw that drops further; points
    (68, 2) in its pixels."""
    growth = max(round(_GROWTH * size), 1)
    jaw = np.asarray(points, np.float64)[JAW][2:-2]  # from ear to ear
    dropped = jaw + np.array([0, _JAW_DROP * size])
    corners = cv2.convexHull(np.concatenate([jaw, dropped[3:-3]]).astype(np.int32))
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [corners], 1)
    mask[: max(int(points[NOSE_TIP, 1]) + growth, 0)] = 0
    return feathered(cv2.dilate(mask, np.ones((2 * growth + 1, 2 * growth + 1), np.uint8)), growth)


def square_mask(size: int) -> np.ndarray:
    """(size, size) float32: 1 but for a rim of a sixteenth of the square."""
    return feathered(np.ones((size, size), np.uint8), size // 16)
