"""Draw pairs: the face of one clip, speaking another's words (or its own).

It is the same for every system. The system's sampler yields pictures one by one, and they go straight into video files, so
that an hour-long dub needs no more memory than a short one. Several pairs are drawn side by side where the sampler can.
A sample is exactly as long as its speech.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from soundfile import LibsndfileError

from models.registry import system as find_system
from models.system import Clip, Request, Sampler, SideBySide
from toolkit import devices
from toolkit.errors import InputError
from toolkit.log import logger, progress
from toolkit.media.audio import count_samples
from toolkit.media.frames import FrameReader
from toolkit.media.writer import whole_video
from toolkit.timing import SAMPLES_PER_FRAME

_CRF = 4  # near-lossless


class Pair(NamedTuple):
    """The files of a pair; `speech` are the features of `audio` (first axis time), if the system listens."""

    reference: Clip
    audio: Path
    speech: Path | None = None

    @property
    def name(self) -> str:
        return f"{self.reference.name}--{self.audio.stem}"


def draw(
    pairs: list[Pair],
    folder: str | Path,
    *,
    system: str,
    options: dict,
    seed: int,
    preset: str | None = None,
    weights: dict[str, Path] | None = None,
) -> dict[str, InputError]:
    """Write each pair's pictures as near-lossless `folder/{video}--{audio}.mp4`, which appears when it is complete.

    Returns the pairs that cannot be drawn, by name, and why; they do not keep the others from being drawn.
    """
    requests: dict[str, Request] = {}
    refused: dict[str, InputError] = {}
    for pair in pairs:
        try:
            requests[pair.name] = _request(pair)
        except InputError as error:
            refused[pair.name] = error
    if requests:
        chosen = find_system(system)
        with devices.lease(1 if chosen.stages else 0):
            sampler = chosen.part("sampling").load(weights or {}, preset, options)
            together = isinstance(sampler, SideBySide)
            for group in [requests] if together else [{name: request} for name, request in requests.items()]:
                refused |= _draw(sampler, group, Path(folder), seed)
    for name, error in refused.items():
        logger.warning("%s cannot be drawn: %s", name, error)
    return refused


def _request(pair: Pair) -> Request:
    """What the sampler is asked for, once the pair's files have been found readable."""
    try:
        length = count_samples(pair.audio) // SAMPLES_PER_FRAME
        speech = np.load(pair.speech, mmap_mode="r", allow_pickle=False) if pair.speech else None
        with FrameReader(pair.reference.crop) as pictures:
            agree = len(pictures) == len(pair.reference.points)
    except (OSError, ValueError, LibsndfileError) as error:
        remedy = "Delete the file and let the workflow make it again"
        raise InputError(pair.name, f"a file of this pair cannot be read ({error})", remedy) from error
    if not agree:
        remedy = "Delete both and let the workflow make them again"
        raise InputError(pair.reference.crop, f"{pair.reference.transform} describes another number of frames", remedy)
    if length == 0 or (speech is not None and len(speech) == 0):
        raise InputError(pair.audio, "its sound lasts less than one video frame (0.04 s)", "Give a longer recording")
    return Request(pair.reference, speech, length)


def _draw(sampler: Sampler, requests: dict[str, Request], folder: Path, seed: int) -> dict[str, InputError]:
    """Draw requests by name, all at once if there are several; return those that the sampler refuses.

    Which ones they are is found by halves, so that the others stay side by side.
    """
    left = dict(requests)
    try:
        for name in _written(_pictures(sampler, list(requests.values()), seed), requests, folder):
            del left[name]
    except InputError as error:
        if len(requests) == 1:
            return dict.fromkeys(requests, error)
        names, middle = list(left), len(left) // 2
        halves = [{name: left[name] for name in half} for half in (names[:middle], names[middle:]) if half]
        return {name: error for half in halves for name, error in _draw(sampler, half, folder, seed).items()}
    return {}


def _pictures(sampler: Sampler, requests: list[Request], seed: int) -> Iterable[tuple[int, np.ndarray]]:
    """(number of the request, picture) of all requests, as they are made."""
    if isinstance(sampler, SideBySide):
        return sampler.together(requests, seed)
    (only,) = requests
    return ((0, picture) for picture in sampler.frames(only.reference, only.speech, only.length, seed))


def _written(pictures: Iterable[tuple[int, np.ndarray]], requests: dict[str, Request], folder: Path) -> Iterator[str]:
    """Write the pictures into a video for each request; yield the name of each as soon as its file is in place."""
    names, lengths = list(requests), [request.length for request in requests.values()]
    with ExitStack() as unfinished:
        files = [unfinished.enter_context(ExitStack()) for _ in names]
        writers = [
            file.enter_context(whole_video(folder / f"{name}.mp4", crf=_CRF))
            for file, name in zip(files, names, strict=True)
        ]
        title = names[0] if len(names) == 1 else f"{len(names)} clips"
        for number, picture in progress(pictures, sum(lengths), title, "frame"):
            writers[number].write(picture)
            if writers[number].frames == lengths[number]:
                files[number].close()
                yield names[number]
        if any(writer.frames < length for writer, length in zip(writers, lengths, strict=True)):
            raise RuntimeError(f"the sampler stopped before the end of {title}")
