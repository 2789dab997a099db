"""Score generated samples, a batch in one process: every metric that can be computed for each, and why the rest cannot.

With its own clip's speech a sample should look like the clip, so it is compared with the clip in the system's own view
of the face; landmark distances are taken in the clip's crop, whatever the view, so that they compare. With another
clip's speech nobody knows what it should look like; what is known is whose face it is, how the mouth opened in the clip
that the speech is from, which it should follow, and how it opened in the clip that the picture is from, which it should
not.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np

from metrics.landmark_distance import at_size
from metrics.measure import Landmarks, MetricInputs
from metrics.metric import NotComputed
from metrics.mouth import opening_track
from metrics.scoring import score
from metrics.weights import available_networks
from metrics.wer import read_transcripts
from toolkit.devices import lease
from toolkit.faces.detectors import get_detector
from toolkit.faces.tracking import track
from toolkit.faces.view import View, read_view
from toolkit.files import read_json, write_json, write_npz
from toolkit.log import job_log, progress
from toolkit.media.audio import read_audio
from toolkit.media.probe import probe
from toolkit.pairs import split_pair

NO_REFERENCE = "no reference: the speech is another clip's, so what the frames should look like is not known"
OWN_SPEECH = "the speech is the picture's own: the same as the mouth correlation"


def score_pairs(
    samples: Sequence[str],
    views: Sequence[str],
    transforms: Sequence[str],
    crop_transforms: Sequence[str],
    sounds: Sequence[str],
    speech_openings: Sequence[str],
    video_openings: Sequence[str],
    scores: str,
    *,
    weights: Sequence[str] = (),
    transcripts: Sequence[str] = (),
    system: str,
    pairs: Sequence[str],
    detector: str = "dlib",
    fvd_window: int | None = 16,
) -> None:
    """Score `pairs`, whose files stand in the same order, into `{pair}.json` and `{pair}.npz` of the folder `scores`.

    `transcripts` are those of all pairs together, each named as its pair or as the pair's speech. Everything else is as in
    `score_pair`. Networks and detectors are loaded once.
    """
    transcript_files = {Path(path).stem: path for path in transcripts}
    files = zip(samples, views, transforms, crop_transforms, sounds, speech_openings, video_openings, strict=True)
    with lease() if available_networks(weights)[0] else nullcontext():
        for pair, pair_files in zip(pairs, files, strict=True):
            video, audio = split_pair(pair)
            score_pair(
                *pair_files,
                f"{scores}/{pair}.json",
                f"{scores}/{pair}.npz",
                weights=weights,
                transcripts=[transcript_files[name] for name in (audio, pair)] if pair in transcript_files else (),
                system=system,
                video=video,
                audio=audio,
                detector=detector,
                fvd_window=fvd_window,
            )


def score_pair(
    sample: str,
    view: str,
    transform: str,
    crop_transform: str,
    sound: str,
    speech_opening: str,
    video_opening: str,
    scores: str,
    features: str,
    *,
    weights: Sequence[str] = (),
    transcripts: Sequence[str] = (),
    system: str,
    video: str,
    audio: str,
    detector: str = "dlib",
    fvd_window: int | None = 16,
) -> None:
    """Score `sample`, made by `system` from clip `video`'s picture and clip `audio`'s speech, into the file `scores`, and what
    metrics of sets need into `features`.

    `view` and `transform` are clip `video` in the system's view and how that lies in the clip, `crop_transform` how its face
    crop does (`toolkit.faces.view`). `sound` is clip `audio`'s. `speech_opening` and `video_opening` tell how the mouth opens
    in clips `audio` and `video`: a truth JSON where there is one, else the landmarks' npz. `weights` are the records of
    the networks' weights (those of an absent one say why), `transcripts` what is said and what was read, or none.
    """
    is_self = video == audio
    seen = read_view(transform)
    there, absent = available_networks(weights)
    given = MetricInputs(
        Path(sample),
        reference=Path(view) if is_self else None,
        reference_landmarks=_landmarks(transform) if is_self else None,
        person=None if is_self else Path(view),
        place=partial(in_crop, view=seen, crop=read_view(crop_transform)),
        speech_opening=_opening(speech_opening),
        video_opening=None if is_self else _opening(video_opening),
        sound=read_audio(sound),
        transcripts=read_transcripts(*transcripts) if transcripts else None,
        fvd_window=fvd_window,
        weights=there,
        reasons=absent
        | (
            {"video opening": OWN_SPEECH}
            if is_self
            else {"reference": NO_REFERENCE, "reference landmarks": NO_REFERENCE}
        ),
    )

    def follow(frames: Iterable[np.ndarray]) -> Landmarks:
        counted = progress(frames, probe(sample).frames or 0, f"{system} {video}--{audio}", "frame")
        return track(counted, detector=get_detector(detector))

    record, arrays = score(given, follow)
    pair = {
        "system": system,
        "pair": f"{video}--{audio}",
        "video": video,
        "audio": audio,
        "kind": "self" if is_self else "crossed",
    }
    more = {"view": seen.description, "detector": detector, "speech_opening": Path(speech_opening).name}
    write_npz(features, **arrays)
    write_json(scores, pair | record | {"settings": record["settings"] | more})


def in_crop(points: np.ndarray, frames: np.ndarray, size: tuple[int, int], *, view: View, crop: View) -> np.ndarray:
    """Landmarks (n, 68, 2) in pictures of `view`, of any size (width, height), as they lie in `crop` at 256 x 256.

    frames: (n,) the numbers of the clip's frames that the pictures stand for.
    """
    in_view = at_size(points, size, (view.size, view.size))
    return at_size(crop.from_clip(view.to_clip(in_view, frames), frames), (crop.size, crop.size))


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
        score_pairs(
            snakemake.input.samples,
            snakemake.input.views,
            snakemake.input.transforms,
            snakemake.input.crop_transforms,
            snakemake.input.sounds,
            snakemake.input.speech_openings,
            snakemake.input.video_openings,
            snakemake.output.scores,
            weights=snakemake.input.weights,
            transcripts=snakemake.input.transcripts,
            **snakemake.params,
        )
