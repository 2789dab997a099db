"""Score one generated sample: every metric that can be computed for it, and why the rest cannot.

With its own clip's speech a sample should look like the clip, so it is compared with the clip's crop. With another
clip's speech nobody knows what it should look like; what is known is how the mouth opened in the clip that the speech
is from, which it should follow, and how it opened in the clip that the picture is from, which it should not.
"""

from functools import partial
from pathlib import Path

import numpy as np

from metrics.frames import Landmarks
from metrics.mouth import opening_track
from metrics.registry import NotComputed
from metrics.scoring import score
from toolkit.faces.detectors import detector as face_detector
from toolkit.faces.tracking import track
from toolkit.files import read_json, write_json
from toolkit.log import job_log

NO_REFERENCE = "no reference: the speech is another clip's, so what the frames should look like is not known"
OWN_SPEECH = "the speech is the picture's own: the same as the mouth correlation"


def score_pair(
    sample: str,
    crop: str,
    crop_points: str,
    speech_opening: str,
    video_opening: str,
    scores: str,
    *,
    system: str,
    video: str,
    audio: str,
    detector: str = "dlib",
) -> None:
    """Score `sample`, made by `system` from clip `video`'s picture and clip `audio`'s speech, into the file `scores`.

    `crop` and `crop_points` are clip `video`'s face crop and its landmarks there. `speech_opening` and `video_opening`
    tell how the mouth opens in clips `audio` and `video`: a truth JSON where there is one, else the landmarks' npz.
    """
    own = video == audio
    record = score(
        Path(sample),
        partial(track, detector=face_detector(detector)),
        reference_video=Path(crop) if own else None,
        reference_landmarks=_landmarks(crop_points) if own else None,
        speech_opening=_opening(speech_opening),
        video_opening=None if own else _opening(video_opening),
        reasons={"video opening": OWN_SPEECH}
        if own
        else {"reference": NO_REFERENCE, "reference landmarks": NO_REFERENCE},
    )
    pair = {
        "system": system,
        "pair": f"{video}--{audio}",
        "video": video,
        "audio": audio,
        "kind": "self" if own else "crossed",
    }
    openings = {"detector": detector, "speech_opening": Path(speech_opening).name}
    write_json(scores, pair | record | {"settings": record["settings"] | openings})


def _landmarks(path: str) -> Landmarks:
    with np.load(path) as arrays:
        return Landmarks(arrays["points"], arrays["ok"])


def _opening(path: str) -> np.ndarray | None:
    if Path(path).suffix == ".json":
        return np.asarray(read_json(path)["mouth_opening"], np.float64)
    try:
        return opening_track(*_landmarks(path))
    except NotComputed:
        return None


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        score_pair(
            snakemake.input.sample,
            snakemake.input.crop,
            snakemake.input.crop_points,
            snakemake.input.speech_opening,
            snakemake.input.video_opening,
            snakemake.output.scores,
            **snakemake.params,
        )
