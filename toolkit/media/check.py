"""Whether a file holds what it promises: everything between two moments is decoded once, as a later stage will."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from toolkit.errors import InputError
from toolkit.media.colour import to_rgb
from toolkit.media.container import opened
from toolkit.media.pictures import read_picture
from toolkit.media.probe import Media, video_stream
from toolkit.timing import FPS

# Containers with an index or a stated length; the others' durations are guesses from the bit rate or the last packets.
_STATE_LENGTH = {"mov", "matroska", "avi", "flv", "asf", "wav", "w64", "aiff", "flac"}
_SLACK = 0.2  # seconds by which honest containers miss the truth
_DAMAGED = 0.05  # share of packets that do not decode above which a clip is not worth using
_AGAIN = "Copy or download it again, or cut the clip before that point"


@dataclass
class Decoded:
    """What was found: where picture and sound end (s from the clip's start), packets in all and damaged ones."""

    picture_end: float = 0.0
    sound_end: float = 0.0
    pictures: int = 0
    packets: int = 0
    damaged: int = 0


def decode(
    path: str | Path,
    media: Media,
    *,
    start: float = 0.0,
    end: float | None = None,
    look: Callable[[np.ndarray], None] = lambda picture: None,
) -> Decoded:
    """Decode a clip's picture and sound from `start` to `end` (s from the first picture), streaming.

    `look` is shown one picture a second, (H, W, 3) uint8 RGB, the first of them the first of the clip.
    """
    if media.is_picture:
        look(read_picture(path))
        return Decoded(picture_end=1 / FPS, pictures=1, packets=1)
    zero = (media.video_start if media.has_video else media.audio_start) + start
    end = float("inf") if end is None else end - start
    found, next_look = Decoded(), 0.0
    with opened(path) as container:
        video = video_stream(container)
        if video is not None:
            video.thread_type = "AUTO"
        if start:
            container.seek(round(zero * av.time_base))
        for frame in _frames(container, video, found):
            time = float(frame.pts * frame.time_base) - zero
            if isinstance(frame, av.AudioFrame):
                if time < end:
                    found.sound_end = max(found.sound_end, min(end, time + frame.samples / frame.sample_rate))
                elif video is None:
                    break
                continue
            lasts = float(frame.duration * frame.time_base) or 1 / (media.fps or FPS)
            if time >= end + 1:  # a second more, for the sound that is stored behind its picture
                break
            if time + lasts <= 0 or time >= end:
                continue
            found.pictures += 1
            found.picture_end = max(found.picture_end, min(end, time + lasts))
            if time >= next_look or found.pictures == 1:
                look(to_rgb(frame))
                next_look = max(time, 0.0) + 1.0
    return found


def require_whole(
    path: str | Path, media: Media, found: Decoded, *, start: float, end: float | None, needs: tuple[str, ...]
) -> None:
    """Raise `InputError` where less was found than was needed, or than the container promises."""
    limit = float("inf") if end is None else end - start
    promised = {}
    if "video" in needs:
        if found.pictures == 0 or found.picture_end < 0.5 / FPS:
            raise InputError(
                path, _nothing("picture", start, end), "Correct the clip's start and end, or copy it again"
            )
        promised["pictures"] = media.duration - start, found.picture_end
    if "audio" in needs:
        if found.sound_end < 0.5 / FPS:
            raise InputError(path, _nothing("sound", start, end), "Correct the clip's start and end, or copy it again")
        lead = (media.audio_start - media.video_start if media.has_video else 0.0) - start
        promised["sound"] = media.audio_duration + lead, found.sound_end
    for what, (said, got) in promised.items():
        if media.format in _STATE_LENGTH and not media.is_picture and min(said, limit) - got > _SLACK:
            stop, length = start + got, start + said
            problem = f"the file is truncated: it promises {length:.2f} s, its {what} end at {stop:.2f} s"
            raise InputError(path, problem.replace("sound end", "sound ends"), _AGAIN)
    if found.damaged > _DAMAGED * found.packets:
        raise InputError(path, f"{found.damaged} of its {found.packets} packets cannot be decoded", _AGAIN)


def require_usable(verdict: dict) -> None:
    """Raise the verdict's own line (`workflow_scripts/inspect_clip.py`) where a file was found unusable."""
    if not verdict["usable"]:
        raise InputError(verdict["video"], verdict["problem"], verdict["remedy"])


def _nothing(what: str, start: float, end: float | None) -> str:
    return f"no {what} can be decoded" + (f" from {start:g} s" if start else "") + (f" to {end:g} s" if end else "")


def _frames(container: InputContainer, video: VideoStream | None, found: Decoded):
    """Yield every picture and sound frame that decodes; count the packets that do not."""
    packets = container.demux([stream for stream in (video, *container.streams.audio[:1]) if stream is not None])
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return  # a truncated file ends here: what is missing follows from the time it ends
        try:
            found.packets += 1
            yield from (frame for frame in packet.decode() if frame.pts is not None)
        except av.error.FFmpegError:
            found.damaged += 1
