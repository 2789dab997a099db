"""Does the mouth follow the speech: correlation (higher is better) and spread (1 is best) of its opening over time.

The opening of a frame is the gap between the inner lips over the outer-eye distance (`faces.geometry.mouth_opening`).
Correlation alone passes a mouth that hardly moves; spread alone passes one that moves at random; so both are measured.
"""

from collections.abc import Callable

import numpy as np

from metrics.measure import TrackedVideo, Value
from metrics.metric import Metric, NotComputed
from toolkit.faces.geometry import mouth_opening

HELD = 0.012
"""A mouth whose opening has a smaller standard deviation than this, in outer-eye distances, does not move: dlib's whole
pixels, one of which is this much of the eye distance in a 256-pixel crop, read up to 0.011 from one picture held still
and encoded as H.264 (measured at 64 to 256 pixels, crf 14 and 23); correlation with such a track is chance."""

_OPENING = "specs of the synthetic talkers; opening = gap between the inner lips (62, 66) over the outer-eye distance"
METRICS = (
    Metric(
        name="mouth_correlation",
        title="Mouth correlation",
        unit="Pearson r",
        direction="higher",
        needs=("generated landmarks", "speech opening"),
        definition="Correlation over frames of the generated mouth's opening with that in the clip that the speech is from. "
        "Left out for a mouth that does not move.",
        source=_OPENING,
    ),
    Metric(
        name="mouth_spread",
        title="Mouth spread",
        unit="ratio",
        direction="neutral",
        needs=("generated landmarks", "speech opening"),
        definition="Standard deviation of the generated opening over that in the speech's own clip: 1 is as lively as the truth, "
        "under 0.5 is mumbling, 0 a held mouth.",
        source=_OPENING,
    ),
    Metric(
        name="mouth_correlation_video",
        title="Mouth correlation, picture",
        unit="Pearson r",
        direction="neutral",
        needs=("generated landmarks", "video opening"),
        definition="The control of crossed pairs: correlation with the opening in the clip that the picture is from. It should be "
        "far below the mouth correlation; where it is not, the mouth is copied instead of following speech.",
        source=_OPENING,
    ),
)


def compute(tracked: TrackedVideo) -> dict[str, Value]:
    """Those of the metrics that there is a track of openings for."""
    opening = opening_track(*tracked.generated)
    speech, video = tracked.inputs.speech_opening, tracked.inputs.video_opening
    values = {}
    if speech is not None:
        values |= {"mouth_correlation": _try(mouth_correlation, opening, speech)}
        values |= {"mouth_spread": _try(mouth_spread, opening, speech)}
    if video is not None:
        values |= {"mouth_correlation_video": _try(mouth_correlation, opening, video)}
    return values


def _try(function: Callable[[np.ndarray, np.ndarray], float], generated: np.ndarray, truth: np.ndarray) -> Value:
    try:
        return function(generated, truth)
    except NotComputed as reason:
        return reason


def opening_track(points: np.ndarray, ok: np.ndarray) -> np.ndarray:
    """The mouth's opening per frame (T,) from landmarks (T, 68, 2); frames without a face (`ok` false) are filled by
    straight lines from the nearest frames with one. `NotComputed` where no frame has a face."""
    if not ok.any():
        raise NotComputed("no face was found in any frame")
    frames = np.arange(len(ok))
    return np.interp(frames, frames[ok], mouth_opening(points[ok]))


def mouth_correlation(generated: np.ndarray, truth: np.ndarray) -> float:
    """Pearson's r of two opening tracks (T,) over the shorter's frames, -1 to 1; never NaN."""
    generated, truth = _shorter(generated, truth)
    if truth.std() < HELD:
        raise NotComputed("the true mouth does not move")
    if generated.std() < HELD:
        raise NotComputed("the mouth does not move")
    return float(np.corrcoef(generated, truth)[0, 1])


def mouth_spread(generated: np.ndarray, truth: np.ndarray) -> float:
    """Standard deviation of the generated opening over the true one's, from 0 (held), over the shorter's frames."""
    generated, truth = _shorter(generated, truth)
    if truth.std() < HELD:
        raise NotComputed("the true mouth does not move")
    return float(generated.std() / truth.std())


def _shorter(generated: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    length = min(len(generated), len(truth))
    if length < 2:
        raise NotComputed("fewer than two frames to compare")
    return np.asarray(generated[:length], np.float64), np.asarray(truth[:length], np.float64)
