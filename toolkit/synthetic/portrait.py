"""The photograph behind the synthetic talkers, and where its features lie.

scikit-image ships NASA's portrait of Eileen Collins (public domain) as `skimage.data.astronaut()`. Jaw, brows, nose and
outer lips were found once by dlib's 68-point predictor on the photograph enlarged four times; the rims of the eyes and
of the open mouth were marked by hand, since a predictor's points are too coarse to cut along.

A face is 96 control points: jaw (17), brows (10), nose (9), two eye rims (12 each), outer lips (12), mouth rim (24).
Rims run clockwise from the corner at the left of the picture, evenly spaced in x: the upper edge with both corners,
then the lower edge. The usual 68 landmarks are the subset `LANDMARKS` of them.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import skimage.data

SIZE = 256  # side of the talkers' picture in pixels
SQUARE = (109, 0, 232)  # left, top, side of the part of the photograph that is shown

EYE_A, EYE_B = slice(36, 48), slice(48, 60)  # at the left and at the right of the picture
OUTER_LIPS, MOUTH = slice(60, 72), slice(72, 96)
LANDMARKS = np.array(
    [*range(36), *range(36, 48, 2), *range(48, 60, 2), *range(60, 72), *(72 + np.array([0, 4, 6, 8, 12, 16, 18, 20]))]
)

# All below in pixels of the photograph.
_JAW_TO_NOSE = (
    (179.4, 103.4), (179.6, 115.1), (180.6, 126.4), (181.9, 137.9), (184.6, 149.4), (190.9, 159.6), (199.6, 168.1),
    (208.9, 175.6), (220.4, 178.4), (231.9, 176.9), (243.1, 170.9), (253.1, 163.1), (260.6, 153.6), (265.1, 142.6),
    (268.1, 130.9), (270.4, 119.4), (271.6, 107.6),
    (186.1, 94.1), (192.1, 88.1), (200.4, 87.1), (208.9, 88.9), (216.6, 92.4),
    (235.9, 93.4), (243.9, 90.6), (252.1, 90.4), (260.1, 92.1), (265.4, 98.4),
    (225.9, 102.1), (225.6, 110.4), (225.4, 118.6), (225.1, 127.1),
    (214.1, 130.9), (219.1, 132.4), (224.1, 134.1), (229.6, 132.9), (234.4, 131.6),
)  # fmt: skip
_OUTER_LIPS = (
    (200.6, 139.0), (209.1, 139.1), (217.9, 139.6), (223.1, 140.6), (229.4, 139.9), (237.4, 139.6), (245.4, 140.4),
    (237.4, 150.9), (228.9, 155.1), (222.1, 155.6), (216.1, 154.6), (207.9, 149.9),
)  # fmt: skip
_EYE_A_UPPER = ((192.9, 100.9), (195.4, 99.3), (198.2, 98.2), (200.4, 97.7), (202.5, 97.5), (204.6, 98.1),
                (207.1, 99.1), (209.6, 100.7), (212.9, 102.9))  # fmt: skip
_EYE_A_LOWER = ((192.9, 100.9), (194.3, 101.6), (196.8, 102.4), (199.6, 103.2), (202.5, 103.9), (205.4, 103.9),
                (208.2, 103.4), (210.4, 103.4), (212.9, 102.9))  # fmt: skip
_EYE_B_UPPER = ((236.1, 104.9), (237.5, 103.4), (239.6, 101.8), (241.8, 100.7), (244.6, 99.8), (247.1, 99.6),
                (249.6, 100.2), (252.5, 101.1), (255.4, 102.3), (258.6, 103.6))  # fmt: skip
_EYE_B_LOWER = ((236.1, 104.9), (237.5, 105.4), (240.4, 105.4), (243.2, 105.7), (246.1, 106.3), (248.9, 106.1),
                (251.8, 105.4), (254.6, 104.6), (258.6, 103.6))  # fmt: skip
_MOUTH_UPPER = ((202.3, 138.9), (205.4, 139.4), (207.4, 140.9), (210.2, 141.3), (212.9, 142.0), (215.7, 142.7),
                (218.5, 143.2), (221.3, 143.4), (224.1, 143.5), (226.8, 143.3), (229.6, 143.1), (232.4, 142.9),
                (235.2, 142.4), (237.4, 141.7), (239.6, 140.8), (241.8, 140.4), (243.8, 140.7))  # fmt: skip
_MOUTH_LOWER = ((202.3, 138.9), (204.6, 141.8), (206.6, 144.1), (209.6, 146.6), (211.8, 147.7), (214.6, 148.6),
                (217.9, 149.1), (222.1, 149.5), (225.7, 149.4), (229.1, 149.2), (231.8, 148.4), (234.3, 147.0),
                (237.4, 144.9), (240.7, 143.1), (243.8, 140.7))  # fmt: skip


class Portrait(NamedTuple):
    """A face that can be moved: a picture and its control points."""

    picture: np.ndarray  # (SIZE, SIZE, 3) uint8 RGB
    points: np.ndarray  # (96, 2) float64, pixels of the picture


def rim(upper: np.ndarray, lower: np.ndarray, columns: int) -> np.ndarray:
    """A closed outline (2 columns - 2, 2) from its two edges, each resampled at `columns` even steps in x."""
    x = np.linspace(upper[0][0], upper[-1][0], columns)
    above, below = (np.stack([x, np.interp(x, *np.transpose(edge))], axis=1) for edge in (upper, lower))
    return np.concatenate([above, below[-2:0:-1]])


@lru_cache(maxsize=1)
def photograph() -> Portrait:
    """The portrait as photographed, cut to `SQUARE` and resized to `SIZE`."""
    left, top, side = SQUARE
    picture = skimage.data.astronaut()[top : top + side, left : left + side]
    points = np.concatenate(
        [
            _JAW_TO_NOSE,
            rim(_EYE_A_UPPER, _EYE_A_LOWER, 7),
            rim(_EYE_B_UPPER, _EYE_B_LOWER, 7),
            _OUTER_LIPS,
            rim(_MOUTH_UPPER, _MOUTH_LOWER, 13),
        ]
    )
    points = (points - (left, top) + 0.5) * SIZE / side - 0.5
    return Portrait(cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), points)
