"""The 68 landmarks of the 300-W mark-up and what is measured on them.

"Left" and "right" are the image's. All functions take (..., 68, 2) points and work on any number of leading axes.
"""

import numpy as np

POINTS = 68
JAW = slice(0, 17)  # from the ear at the image's left over the chin (8) to the other ear
LEFT_BROW = slice(17, 22)
RIGHT_BROW = slice(22, 27)
NOSE_BRIDGE = slice(27, 31)  # 30 is the tip
NOSTRILS = slice(31, 36)
LEFT_EYE = slice(36, 42)  # outer corner first, then clockwise
RIGHT_EYE = slice(42, 48)  # inner corner first, then clockwise
OUTER_LIPS = slice(48, 60)  # corner at the image's left first, then clockwise
INNER_LIPS = slice(60, 68)
MOUTH = slice(48, 68)

CHIN, NOSE_TIP = 8, 30
OUTER_EYE_CORNERS = (36, 45)
MOUTH_CORNERS = (48, 54)
INNER_LIP_MIDDLES = (62, 66)  # upper, lower


def distance(points: np.ndarray, a: int, b: int) -> np.ndarray:
    """Distance between points `a` and `b`, (...,) pixels."""
    return np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1)


def inter_ocular(points: np.ndarray) -> np.ndarray:
    """Distance of the outer eye corners, (...,) pixels: the yardstick of 300-W, independent of the mouth."""
    return distance(points, *OUTER_EYE_CORNERS)


def mouth_opening(points: np.ndarray) -> np.ndarray:
    """Gap of the inner lips over the inter-ocular distance, (...,): 0 closed, about 0.3 wide open."""
    return distance(points, *INNER_LIP_MIDDLES) / inter_ocular(points)


def eye_aspect_ratio(points: np.ndarray) -> np.ndarray:
    """Height over width, mean of the eyes, (...,): about 0.3 open, below 0.2 shut (Soukupová and Čech 2016, eq. 1)."""

    def ratio(eye: np.ndarray) -> np.ndarray:
        return (distance(eye, 1, 5) + distance(eye, 2, 4)) / (2 * distance(eye, 0, 3))

    return (ratio(points[..., LEFT_EYE, :]) + ratio(points[..., RIGHT_EYE, :])) / 2


def landmark_distance(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mean distance of corresponding points over the inter-ocular distance of `others`, (...,)."""
    return np.linalg.norm(points - others, axis=-1).mean(-1) / inter_ocular(others)
