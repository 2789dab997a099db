"""Sample pairs: the face of one clip, speaking another's words (or its own).

It is the same for every system. The system's sampler yields pictures one by one, and they go straight into video files,
so that an hour-long dub needs no more memory than a short one. A sample is exactly as long as its speech.
"""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from soundfile import LibsndfileError

from models.registry import get_system
from models.system import Clip, Picture, Request, Sampler
from toolkit import devices
from toolkit.errors import InputError
from toolkit.log import logger, progress
from toolkit.media.audio import count_samples
from toolkit.media.frames import FrameReader
from toolkit.media.masks import atomic_masks, mask_file
from toolkit.media.writer import atomic_video
from toolkit.pairs import pair_name
from toolkit.timing import SAMPLES_PER_FRAME

_CRF = 4  # near-lossless


def name_of(clip: Clip) -> str:
    """The name of the pair that a clip with `audio` is."""
    return pair_name(clip.name, clip["audio"].stem)


def sample_pairs(
    clips: list[Clip],
    folder: str | Path,
    *,
    system: str,
    options: dict,
    seed: int,
    preset: str | None = None,
    weights: dict[str, Path] | None = None,
) -> dict[str, InputError]:
    """Write each pair's pictures as near-lossless `folder/{video}--{audio}.mp4`, which appears when it is complete; where
    the system brings masks, `.mask.mkv` beside it.

    A clip has the kinds `view`, `transform`, `audio`, `speech` if the system needs it, and whatever else the system reads.
    Returns the pairs that cannot be sampled, by name, and why; they do not keep the others from being sampled.
    """
    requests: dict[str, Request] = {}
    refused: dict[str, InputError] = {}
    for clip in clips:
        try:
            requests[name_of(clip)] = _request(clip)
        except InputError as error:
            refused[name_of(clip)] = error
    if requests:
        chosen = get_system(system)
        with devices.lease(1 if chosen.stages else 0):
            sampler = chosen.part("sampling").load(weights or {}, preset, options)
            for name, request in list(requests.items()):
                try:
                    sampler.prepare(request)
                except InputError as error:
                    refused[name] = error
                    del requests[name]
            _write(sampler, requests, Path(folder), seed)
    for name, error in refused.items():
        logger.warning("%s cannot be sampled: %s", name, error)
    return refused


def _request(clip: Clip) -> Request:
    """What the sampler gets, once the pair's files have been found readable."""
    speech_file = clip.files.get("speech")
    try:
        length = count_samples(clip["audio"]) // SAMPLES_PER_FRAME
        speech = np.load(speech_file, mmap_mode="r", allow_pickle=False) if speech_file else None
        with FrameReader(clip["view"]) as pictures:
            agree = len(pictures) == len(clip.points)
    except (OSError, ValueError, LibsndfileError) as error:
        remedy = "Delete the file and let the workflow make it again"
        raise InputError(name_of(clip), f"a file of this pair cannot be read ({error})", remedy) from error
    if not agree:
        remedy = "Delete both and let the workflow make them again"
        raise InputError(clip["view"], f"{clip['transform']} describes another number of frames", remedy)
    if length == 0 or (speech is not None and len(speech) == 0):
        problem = "its sound lasts less than one video frame (0.04 s)"
        raise InputError(clip["audio"], problem, "Give a longer recording")
    return Request(clip, speech, length)


def _write(sampler: Sampler, requests: dict[str, Request], folder: Path, seed: int) -> None:
    """Write a video for each request; each file is in place as soon as its last picture is there."""
    names, lengths = list(requests), [request.length for request in requests.values()]
    counts = [0] * len(names)
    writers: dict[int, _SampleWriter] = {}
    title = names[0] if len(names) == 1 else f"{len(names)} clips"
    with ExitStack() as unfinished:
        pictures = sampler.sample(list(requests.values()), seed) if requests else ()
        for number, picture in progress(pictures, sum(lengths), title, "frame"):
            if not counts[number]:
                writers[number] = unfinished.enter_context(_SampleWriter(folder / f"{names[number]}.mp4"))
            writers[number].write(picture)
            counts[number] += 1
            if counts[number] == lengths[number]:
                writers.pop(number).close()
        if counts != lengths:
            raise RuntimeError(f"the sampler stopped before the end of {title}")


class _SampleWriter:
    """A sample's video and, from the first picture that has one, the video of its masks; neither appears unless closed."""

    def __init__(self, path: Path) -> None:
        self.path, self._files, self._masks = path, ExitStack(), None

    def __enter__(self) -> "_SampleWriter":
        self._video = self._files.enter_context(atomic_video(self.path, crf=_CRF))
        return self

    def __exit__(self, *error: object) -> None:
        self._files.__exit__(*error)

    def write(self, picture: Picture) -> None:
        self._video.write(picture.rgb)
        if picture.mask is not None:
            if self._masks is None:
                self._masks = self._files.enter_context(atomic_masks(mask_file(self.path)))
            self._masks.write(picture.mask)

    def close(self) -> None:
        self._files.close()
