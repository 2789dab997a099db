"""Every metric of one generated video: what can be computed, and why the rest cannot."""

from collections import deque
from collections.abc import Callable, Mapping
from importlib.metadata import version
from types import ModuleType
from typing import NamedTuple

import numpy as np

from metrics import fvd
from metrics.frames import ComparedFrames, Tracker, track_enlarged
from metrics.landmark_distance import SIZE
from metrics.measure import MetricInputs, Pooled, TrackedVideo, Value
from metrics.metric import Metric, NotComputed
from metrics.mouth import HELD, opening_track
from metrics.registry import AFTERWARDS, FROM_FRAMES, METRICS
from toolkit.files import read_json

LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "scikit-image", "av", "dlib-bin", "jiwer")
NETWORK_LIBRARIES = ("torch", "onnxruntime", "python_speech_features")
REASONS = {
    "reference": "no reference video",
    "person": "no video of the person whose face it should be",
    "generated landmarks": "no face was found in any frame of the generated video",
    "reference landmarks": "no landmarks of the reference video",
    "speech opening": "the mouth's opening in the speech's own clip is not known",
    "video opening": "the mouth's opening in the picture's own clip is not known",
    "sound": "no sound",
    "transcripts": "no transcripts",
}
SETTINGS = {
    "frames": "decoded to RGB by PyAV, both videos from their first frame, over the shorter one's length",
    "resizing": "the generated frame to the reference's size: area when shrinking, bilinear when growing",
    "landmarks": f"scaled to {SIZE}×{SIZE}; frames without a face in either video left out",
    "mouth": f"frames without a face interpolated; a standard deviation under {HELD} eye distances is a held mouth",
    **{metric.name: metric.settings for metric in METRICS if metric.settings},
}


class Scored(NamedTuple):
    """`record` is what `results/scores` holds as JSON; `features` what metrics of sets need from this pair."""

    record: dict
    features: dict[str, np.ndarray]


def score(inputs: MetricInputs, track: Tracker) -> Scored:
    """Score one generated video in one pass over its frames.

    `track` turns an iterator of RGB frames into landmarks (`functools.partial` of the toolkit's tracker).

    The record has `metrics` (name: value), `left_out` (name: reason; every metric but those of sets is in one of the
    two, those of sets are left out where there is nothing to make them of), `pooled` (name: see `Pooled.of`), `counts`,
    `sizes`, `openings` (the tracks, rounded to 4 digits), `settings`, `weights` (what is known of each network's) and
    `versions`.
    """
    unmet = _unmet(inputs)
    measures = {file: file.measure(inputs) for file in FROM_FRAMES if not all(_lacks(m, unmet) for m in file.METRICS)}
    paired = [measure for file, measure in measures.items() if _is_paired(file)]
    single = [measure for file, measure in measures.items() if not _is_paired(file)]
    frames = ComparedFrames(inputs.generated, inputs.reference, paired, single)
    landmarks = inputs.landmarks or track_enlarged(frames, track)
    if inputs.landmarks:
        deque(frames, maxlen=0)
    if not landmarks.ok.any():
        unmet["generated landmarks"] = REASONS["generated landmarks"]
    tracked = TrackedVideo(inputs, landmarks, frames.size, frames.reference_size)

    values: dict[str, Value] = {}
    for file, measure in measures.items():
        values |= _values(file, unmet, measure.result)
    for file in AFTERWARDS:
        values |= _values(file, unmet, lambda file=file: file.compute(tracked))
    values |= {m.name: NotComputed(_lacks(m, unmet)) for m in METRICS if _lacks(m, unmet)}

    pooled = {name: value for name, value in values.items() if isinstance(value, Pooled)}
    values |= {name: value.value for name, value in pooled.items()}
    counts = [measure.counts() for measure in measures.values()]
    record = {
        "metrics": {m.name: values[m.name] for m in METRICS if isinstance(values.get(m.name), int | float)},
        "left_out": {m.name: str(values[m.name]) for m in METRICS if isinstance(values.get(m.name), NotComputed)},
        "pooled": {name: value.of for name, value in pooled.items()},
        "counts": {
            "frames": frames.frames,
            "frames_compared": frames.compared,
            "frames_without_face": int((~landmarks.ok).sum()),
            **{name: count for found in counts for name, count in found.items()},
        },
        "sizes": {"generated": frames.size, "reference": frames.reference_size if frames.compared else None},
        "openings": _openings(tracked),
        "settings": _settings(inputs),
        "weights": {network: read_json(path.with_suffix(".json")) for network, path in inputs.weights.items()},
        "versions": {name: version(name) for name in (*LIBRARIES, *(NETWORK_LIBRARIES if inputs.weights else ()))},
    }
    features = [measure.features() for measure in measures.values()]
    return Scored(record, {name: array for found in features for name, array in found.items()})


def _settings(inputs: MetricInputs) -> dict[str, str]:
    """How everything is computed, also what is the user's choice."""
    settings = dict(SETTINGS)
    if inputs.transcripts:
        settings["lip reader"] = inputs.transcripts.reader
    if "i3d" in inputs.weights:
        settings["FVD"] = fvd.cut(inputs.fvd_window)
    return settings


def _unmet(inputs: MetricInputs) -> dict[str, str]:
    """What is not there, by the names in `Metric.needs`, and why."""
    present = {
        "reference": inputs.reference,
        "person": inputs.reference or inputs.person,
        "reference landmarks": inputs.reference_landmarks,
        "speech opening": inputs.speech_opening,
        "video opening": inputs.video_opening,
        "sound": inputs.sound,
        "transcripts": inputs.transcripts,
        "generated landmarks": True,  # until the pass has shown otherwise
        **inputs.weights,
    }
    needs = {need for metric in METRICS for need in metric.needs}
    absent = {need for need in needs if present.get(need) is None}
    return {need: inputs.reasons.get(need) or REASONS.get(need) or f"no weights of {need}" for need in absent}


def _lacks(metric: Metric, unmet: Mapping[str, str]) -> str | None:
    """Why the metric cannot be computed, if a need of it is not met."""
    return next((unmet[need] for need in metric.needs if need in unmet), None)


def _is_paired(file: ModuleType) -> bool:
    return all("reference" in metric.needs for metric in file.METRICS)


def _values(file: ModuleType, unmet: Mapping[str, str], compute: Callable[[], dict[str, Value]]) -> dict[str, Value]:
    """Values of a file's metrics, none where no metric of it has what it needs."""
    if all(_lacks(metric, unmet) for metric in file.METRICS):
        return {}
    try:
        return compute()
    except NotComputed as reason:
        return {metric.name: reason for metric in file.METRICS}


def _openings(tracked: TrackedVideo) -> dict[str, list[float]]:
    openings = {"speech": tracked.inputs.speech_opening, "video": tracked.inputs.video_opening}
    if tracked.generated.ok.any():
        openings = {"generated": opening_track(*tracked.generated), **openings}
    return {name: np.round(track, 4).tolist() for name, track in openings.items() if track is not None}
