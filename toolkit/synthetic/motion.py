"""How a talker moves: lips by two tracks, lids and head by a seed."""

from typing import NamedTuple

import numpy as np

from toolkit.synthetic.portrait import EYE_A, EYE_B, LANDMARKS, MOUTH, OUTER_LIPS
from toolkit.timing import FPS

BLINK_SHUT, BLINK_HOLD, BLINK_REOPEN = 0.10, 0.08, 0.16  # s
BLINK_PAUSE = (1.0, 2.6)  # s from one blink's end to the next one's start
SWAY = {"x": 3.5, "y": 2.0, "roll": 2.2, "brows": 1.6}  # largest excursions: pixels, pixels, degrees, pixels
UPPER_LIP_SHARE = 0.10  # of the gap that the upper lip makes by rising
JAW_SHARE = 0.76  # of the lower lip's way that the chin goes along
CLOSED_LINE = 0.3  # where the smile's lips meet when they close: 0 at the upper one, 1 at the lower one
NARROWING = 0.17  # of the mouth's width lost when lips are fully rounded
STRETCH = 0.006  # of its width lost per pixel that the mouth opens
POUT = 1.3  # pixels that rounded lips grow thicker


class Motion(NamedTuple):
    """A clip's movements, one value per frame in each array (T,)."""

    opening: np.ndarray  # inner-lip gap over the distance between the outer eye corners
    roundness: np.ndarray  # -1 spread to 1 rounded
    lids: np.ndarray  # 0 open to 1 shut
    brows: np.ndarray  # pixels raised
    x: np.ndarray  # of the head, pixels to the right
    y: np.ndarray  # of the head, pixels down
    roll: np.ndarray  # of the head, degrees clockwise
    blinks: list[tuple[float, float]]  # start and end of each, seconds


def at_frames(track: list[float], rate: float, frames: int) -> np.ndarray:
    """A track sampled at `rate` Hz from time 0, read in the middle of each of `frames` video frames: (frames,)."""
    return np.interp(middles(frames), np.arange(len(track)) / rate, track)


def middles(frames: int) -> np.ndarray:
    """The moments (frames,) that the frames show, in seconds: each the middle of its frame's 640 samples."""
    return (np.arange(frames) + 0.5) / FPS


def talker_motion(opening: np.ndarray, roundness: np.ndarray, seed: int) -> Motion:
    """The clip that speaks with these tracks (T,), one value per frame; blinks and sway follow from `seed` alone."""
    frames = len(opening)
    random = np.random.default_rng(seed)
    times = middles(frames)
    blinks = blink_times(frames / FPS, random)
    lids = np.max([np.zeros(frames), *(blink(times - start) for start, _ in blinks)], axis=0)
    drift = {name: size * wander(times, random) for name, size in SWAY.items()}
    return Motion(np.asarray(opening), np.asarray(roundness), lids, blinks=blinks, **drift)


def blink_times(seconds: float, random: np.random.Generator) -> list[tuple[float, float]]:
    """Start and end of the blinks of a clip; the first frames and the last show open eyes."""
    length = BLINK_SHUT + BLINK_HOLD + BLINK_REOPEN
    blinks, start = [], random.uniform(0.5, 1.5)
    while start + length < seconds - 0.2:
        blinks.append((round(start, 3), round(start + length, 3)))
        start += length + random.uniform(*BLINK_PAUSE)
    return blinks


def blink(time: np.ndarray) -> np.ndarray:
    """Closure of the lids, 0 to 1, `time` seconds after a blink's start."""
    knots = np.cumsum([0, BLINK_SHUT, BLINK_HOLD, BLINK_REOPEN])
    ramp = np.interp(time, knots, [0, 1, 1, 0])
    return ramp**2 * (3 - 2 * ramp)


def wander(times: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A slow smooth wandering within -1 to 1: three sines between 0.1 and 0.6 Hz."""
    rates, phases = random.uniform((0.1, 0.2, 0.35), (0.2, 0.35, 0.6)), random.uniform(0, 2 * np.pi, 3)
    return np.sin(2 * np.pi * rates * times[:, None] + phases) @ (0.5, 0.3, 0.2)


def face_moves(points: np.ndarray, gap: float, roundness: float, lids: float, brows: float) -> np.ndarray:
    """Displacements (96, 2) of a smiling face's control points for a mouth open by `gap` pixels."""
    moves = np.zeros_like(points)
    moves[17:27, 1] = -brows
    for eye in (EYE_A, EYE_B):
        moves[eye, 1] = lid_moves(points[eye], lids)
    lips = np.r_[OUTER_LIPS, MOUTH]
    moves[lips] = lip_moves(points[lips], gap, roundness)
    chin = JAW_SHARE * moves[LANDMARKS[66], 1]
    moves[:17, 1] = chin * jaw_profile(points[:17])
    return moves


def lid_moves(eye: np.ndarray, closure: float) -> np.ndarray:
    """Vertical displacements (12,) of an eye's rim: the upper lid comes down, the lower one meets it a little."""
    meeting = 0.85 * eye[[0, 11, 10, 9, 8, 7, 6], 1] + 0.15 * eye[:7, 1]
    return closure * (np.concatenate([meeting, meeting[5:0:-1]]) - eye[:, 1])


def lip_moves(lips: np.ndarray, gap: float, roundness: float) -> np.ndarray:
    """Displacements (36, 2) of outer lips (12) and mouth rim (24).

    Both edges of the rim first meet in the closed line; the gap then opens under a parabola over the mouth's width.
    """
    outer, inner = lips[:12], lips[12:]
    upper, lower = inner[:13], inner[[0, *range(23, 11, -1)]]
    middle, half = (inner[0, 0] + inner[12, 0]) / 2, (inner[12, 0] - inner[0, 0]) / 2
    arch = 1 - np.linspace(-1, 1, 13) ** 2
    closed = upper[:, 1] + CLOSED_LINE * (lower[:, 1] - upper[:, 1])
    rise = closed - UPPER_LIP_SHARE * gap * arch - upper[:, 1]
    fall = closed + (1 - UPPER_LIP_SHARE) * gap * arch - lower[:, 1]
    moves = np.zeros_like(lips)
    moves[:, 0] = -(NARROWING * roundness + STRETCH * gap) * (lips[:, 0] - middle)
    moves[12:, 1] = np.concatenate([rise, fall[11:0:-1]])
    across = (outer[:, 0] - middle) / half
    columns = np.linspace(-1, 1, 13)
    pout = POUT * max(roundness, 0.0) * np.clip(1 - across**2, 0, None)
    moves[:7, 1] = np.interp(across[:7], columns, rise) - pout[:7]
    moves[7:12, 1] = np.interp(across[7:], columns, fall) + pout[7:]
    return moves


def jaw_profile(jaw: np.ndarray) -> np.ndarray:
    """How far each of the 17 jaw points goes along with the chin: 1 at the chin, 0 at the ears."""
    ears = (jaw[0, 1] + jaw[16, 1]) / 2
    return np.clip((jaw[:, 1] - ears) / (jaw[8, 1] - ears), 0, 1) ** 1.5
