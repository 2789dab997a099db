"""Every metric of one generated video: what can be computed, and why the rest cannot."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from metrics.accumulate import FrameMean
from metrics.frames import ComparedFrames, Landmarks, Tracker, track_enlarged
from metrics.landmark_distance import LANDMARK_DISTANCES, SIZE, at_size, landmark_distances
from metrics.mouth import HELD, mouth_correlation, mouth_spread, opening_track
from metrics.psnr import psnr
from metrics.registry import METRICS, NotComputed
from metrics.ssim import ssim

LIBRARIES = ("numpy", "opencv-python-headless", "scikit-image", "av", "dlib-bin")
REASONS = {
    "reference": "no reference video",
    "generated landmarks": "no face was found in any frame of the generated video",
    "reference landmarks": "no landmarks of the reference video",
    "speech opening": "the mouth's opening in the speech's own clip is not known",
    "video opening": "the mouth's opening in the picture's own clip is not known",
}
SETTINGS = {
    "frames": "decoded to RGB by PyAV, both videos from their first frame, over the shorter one's length",
    "resizing": "the generated frame to the reference's size: area when shrinking, bilinear when growing",
    "landmarks": f"scaled to {SIZE}×{SIZE}; frames without a face in either video left out",
    "mouth": f"frames without a face interpolated; a standard deviation under {HELD} eye distances is a held mouth",
    "ssim": "gaussian 11×11, sigma 1.5, population covariance, data range 255",
}


def score(
    generated_video: Path,
    track: Tracker,
    *,
    reference_video: Path | None = None,
    reference_landmarks: Landmarks | None = None,
    speech_opening: np.ndarray | None = None,
    video_opening: np.ndarray | None = None,
    reasons: Mapping[str, str] | None = None,
) -> dict:
    """Score one generated video in one pass over its frames.

    `track` turns an iterator of RGB frames into landmarks (`functools.partial` of the toolkit's tracker). The reference
    is what the frames should look like; `speech_opening` (T,) is the mouth's opening in the clip that the speech is
    from, `video_opening` (T,) that in the clip that the picture is from, both at 25 fps. What is absent leaves the
    metrics that need it out; `reasons` says why it is absent, by the needs' names in the registry.

    Returns what `results/scores` holds: `metrics` (name: value), `left_out` (name: reason; every metric is in one of
    the two), `counts`, `sizes`, `openings` (the tracks, rounded to 4 digits), `settings` and `versions`.
    """
    paired = {"psnr": FrameMean(psnr), "ssim": FrameMean(ssim)}
    frames = ComparedFrames(generated_video, reference_video, paired)
    landmarks = track_enlarged(frames, track)

    missing = {
        "reference": reference_video is None,
        "generated landmarks": not landmarks.ok.any(),
        "reference landmarks": reference_landmarks is None,
        "speech opening": speech_opening is None,
        "video opening": video_opening is None,
    }
    reasons = {**REASONS, **(reasons or {})}
    opening = None if missing["generated landmarks"] else opening_track(*landmarks)

    @cache
    def distances() -> dict[str, float]:
        return landmark_distances(*_common(frames, landmarks, reference_landmarks))

    computations: dict[str, Callable[[], float]] = {
        **{name: metric.result for name, metric in paired.items()},
        **{name: lambda name=name: distances()[name] for name in LANDMARK_DISTANCES},
        "mouth_correlation": lambda: mouth_correlation(opening, speech_opening),
        "mouth_spread": lambda: mouth_spread(opening, speech_opening),
        "mouth_correlation_video": lambda: mouth_correlation(opening, video_opening),
    }
    values, left_out = {}, {}
    for metric in METRICS:
        try:
            for need in metric.needs:
                if missing[need]:
                    raise NotComputed(reasons[need])
            values[metric.name] = computations[metric.name]()
        except NotComputed as reason:
            left_out[metric.name] = str(reason)

    openings = {"generated": opening, "speech": speech_opening, "video": video_opening}
    return {
        "metrics": values,
        "left_out": left_out,
        "counts": {
            "frames": frames.frames,
            "frames_compared": frames.compared,
            "frames_equal_to_reference": paired["psnr"].infinite,
            "frames_without_face": int((~landmarks.ok).sum()),
        },
        "sizes": {"generated": frames.size, "reference": frames.reference_size if frames.compared else None},
        "openings": {name: np.round(track, 4).tolist() for name, track in openings.items() if track is not None},
        "settings": SETTINGS,
        "versions": {library: version(library) for library in LIBRARIES},
    }


def _common(frames: ComparedFrames, generated: Landmarks, reference: Landmarks) -> tuple[np.ndarray, np.ndarray]:
    """Reference and generated landmarks at 256×256 of the frames in which both videos show a face."""
    length = min(len(generated.ok), len(reference.ok))
    both = generated.ok[:length] & reference.ok[:length]
    if not both.any():
        raise NotComputed("no frame in which both the generated and the reference video show a face")
    return (
        at_size(reference.points[:length][both], frames.reference_size),
        at_size(generated.points[:length][both], frames.size),
    )
