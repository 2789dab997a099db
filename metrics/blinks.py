"""Blinks a second and how long they last; as many and as long as the real person's is best (specs/metrics.md section 11;
Diffused Heads, section 5).

The eye aspect ratio falls steeply where an eye closes: each such fall is a blink. The limits that blink-detector, which the
paper used, gives a blink lose some (a flat open eye has no local maximum to begin or end at), so there are two variants:
`blinks` with limits that hold for any track, and `blinks_published` with those of the package. Frames without a face are
bridged over at most `BRIDGE`; longer gaps break the clip into parts that are looked at one by one. Eyes of a 128-pixel face
are few pixels high: compare with the real clips at the same size.
"""

from itertools import pairwise

import numpy as np
from scipy.signal import find_peaks

from metrics.measure import Landmarks, Pooled, TrackedVideo, Value
from metrics.metric import Metric, NotComputed
from toolkit.faces.geometry import eye_aspect_ratio
from toolkit.timing import FPS

FALL = 0.072
"""The least fall of the eye aspect ratio from one frame to the next that closes an eye."""
DISTANCE = 4
"""Frames between two falls; of nearer ones the steepest counts."""
BRIDGE = 3
"""Frames without a face that are interpolated."""

_SOURCE = "Soukupová and Čech 2016 (eye aspect ratio); DinoMan/blink-detector, as Diffused Heads used it"
_SETTINGS = f"a fall of the eye aspect ratio over {FALL} in a frame; up to {BRIDGE} frames without a face interpolated"
METRICS = tuple(
    Metric(
        name=name,
        title=title,
        unit=unit,
        direction="neutral",
        needs=("generated landmarks",),
        definition=definition,
        source=_SOURCE,
        settings=_SETTINGS if name == "blinks" else "",
        summary="rate" if unit == "1/s" else "median",
    )
    for name, title, unit, definition in (
        (
            "blinks",
            "Blinks",
            "1/s",
            "Steep falls of the eye aspect ratio, those between which the eye does not open as one, over the seconds in "
            "which a face was seen; the summary's are those of all pairs over the seconds of all.",
        ),
        (
            "blink_duration",
            "Blink duration",
            "s",
            "Median time from where the eye begins to close to where it is open again; the summary's is the median of "
            "all blinks of all pairs.",
        ),
        ("blinks_published", "Blinks, as published", "1/s", "Blinks as blink-detector limits them, which loses some."),
        (
            "blink_duration_published",
            "Blink duration, as published",
            "s",
            "Median duration within blink-detector's limits; the summary's is that of all blinks of all pairs.",
        ),
    )
)


def compute(tracked: TrackedVideo) -> dict[str, Value]:
    """Both variants over the parts of the clip in which a face was seen."""
    parts = tracks(tracked.generated)
    seconds = sum(map(len, parts)) / FPS
    values: dict[str, Value] = {}
    for suffix, limits in (("", limits_of_blinks), ("_published", published_limits)):
        found = np.concatenate([limits(part) for part in parts])
        durations = (found[:, 1] - found[:, 0]) / FPS
        median = Pooled(float(np.median(durations)), durations.tolist()) if len(found) else NotComputed("no blink")
        values |= {f"blinks{suffix}": Pooled(len(found) / seconds, seconds), f"blink_duration{suffix}": median}
    return values


def tracks(landmarks: Landmarks) -> list[np.ndarray]:
    """The eye aspect ratio, mean of both eyes, (n,) for each part of the clip without a gap longer than `BRIDGE`."""
    known = np.flatnonzero(landmarks.ok)
    ratio = eye_aspect_ratio(landmarks.points[known].astype(np.float64))
    parts = np.split(np.arange(len(known)), np.flatnonzero(np.diff(known) > BRIDGE + 1) + 1)
    return [np.interp(np.arange(known[p[0]], known[p[-1]] + 1), known[p], ratio[p]) for p in parts]


def falls(ratio: np.ndarray) -> np.ndarray:
    """Frames f after which the eye aspect ratio (T,) falls most steeply, from f to f + 1."""
    return find_peaks(-np.diff(ratio), height=FALL, distance=DISTANCE)[0]


def limits_of_blinks(ratio: np.ndarray) -> np.ndarray:
    """First and last frame of each blink, (n, 2): from where the fall begins to where the eye, open more than half way
    between the track's least and most, does not open further. Falls between which it does not open are one blink; one
    from which it does not open by the end of the track lasts to there."""
    half = (ratio.min() + ratio.max()) / 2
    step = np.diff(ratio)
    found: list[tuple[int, int]] = []
    for fall in falls(ratio):
        if found and fall < found[-1][1]:
            continue
        start = 1 + max(np.flatnonzero(step[:fall] >= 0), default=-1)
        bottom = fall + 1 + min(np.flatnonzero(step[fall + 1 :] > 0), default=len(step))
        opened = np.flatnonzero((ratio[bottom:-1] >= half) & (step[bottom:] <= 0))
        found.append((start, bottom + opened[0] if opened.size else len(ratio) - 1))
    return np.array(found, np.int64).reshape(-1, 2)


def published_limits(ratio: np.ndarray) -> np.ndarray:
    """First and last frame of each blink, (n, 2), as blink-detector's `process_video` finds them."""
    middle = (ratio.min() + ratio.max()) / 2
    closing = falls(ratio)
    found = []
    for fall, following in pairwise([*closing, len(ratio)]):
        maxima = find_peaks(ratio[: fall + 1], height=middle)[0]
        start = fall if ratio[fall - 1] <= ratio[fall] else maxima[-1] if maxima.size else 0
        maxima = fall + find_peaks(ratio[fall:following], height=middle)[0]
        if maxima.size or following == len(ratio):
            found.append((start, maxima[0] if maxima.size else len(ratio) - 1))
    limits = np.array(found, np.int64).reshape(-1, 2)
    return limits[limits[:, 1] > limits[:, 0]]


def online(ratios: np.ndarray) -> list[tuple[int, int]]:
    """Blinks as blink-detector's `process_frame` reports them while frames arrive: (frame of the report, length)."""
    reports, counter, low, closed, last = [], 0, 0, False, 0.0
    for frame, ratio in enumerate(ratios):
        counter += 1
        low = low + 1 if ratio < 0.2 else 0
        closed |= low >= 2
        if closed and ratio - last > 0.01 and ratio > 0.2:
            reports.append((frame, counter))
            counter, low, closed, last = 0, 0, False, 0.0
            continue
        if ratio >= 0.2 and ratio - last > -0.01:
            counter = 0
        last = ratio
    return reports
