"""What a media file says of itself, and where its first picture stands in time."""

from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from toolkit.errors import InputError
from toolkit.media.container import CONVERT, SYNTHETIC, opened
from toolkit.media.pictures import is_picture, read_picture
from toolkit.timing import FPS


@dataclass(frozen=True)
class Media:
    """A file's contents. Times in seconds; `None` where a track is absent or its container does not say.

    width, height: pixels as shown: upright and square (after rotation and sample aspect ratio), not yet made even.
    rotation: degrees by which the stored picture is turned, counter-clockwise: 0, 90, 180 or 270.
    fps: average rate; frames: number of pictures, where the container counts them.
    duration: from the start of the first picture to the end of the last (of the sound, where there is no picture).
    video_start, audio_start: time stamps of the first picture and of the first sound, on the file's own clock.
    synthetic: whether its title or comment says so, as those of our talkers and generated videos do.
    """

    path: str
    format: str
    width: int | None
    height: int | None
    rotation: int
    fps: float | None
    frames: int | None
    duration: float | None
    video_start: float | None
    audio_start: float | None
    has_video: bool
    has_audio: bool
    audio_duration: float | None
    is_picture: bool = False
    synthetic: bool = False


def probe(path: str | Path) -> Media:
    """Read a file's headers and its first picture; `InputError` where it is neither a video, a sound nor a picture."""
    if Path(path).is_file() and is_picture(path):
        height, width = read_picture(path).shape[:2]
        return Media(str(path), "picture", width, height, 0, FPS, 1, 1 / FPS, 0.0, None, True, False, None, True)
    with opened(path) as container:
        video, audio = video_stream(container), next(iter(container.streams.audio), None)
        if video is None and audio is None:
            raise InputError(path, "there is neither a video nor an audio track in it", CONVERT)
        sound = None if audio is None else _seconds(audio.duration, audio) or _whole(container)
        facts = {
            "path": str(path),
            "format": container.format.name.split(",")[0],
            "has_video": video is not None,
            "has_audio": audio is not None,
            "audio_start": None if audio is None else _seconds(audio.start_time, audio) or 0.0,
            "audio_duration": sound,
            "synthetic": _is_synthetic(container),
        }
        if video is None:
            nothing = dict.fromkeys(("width", "height", "fps", "frames", "video_start"))
            return Media(**facts, **nothing, rotation=0, duration=sound)
        first = _first_picture(container, video, path)
        rotation = first.rotation % 360
        aspect = float(video.sample_aspect_ratio or 1) or 1.0
        width, height = round(first.width * aspect), first.height
        if rotation % 180:
            width, height = height, width
        rate = video.average_rate or video.guessed_rate
        return Media(
            **facts,
            width=width,
            height=height,
            rotation=rotation,
            fps=float(rate) if rate else None,
            frames=video.frames or None,
            duration=_seconds(video.duration, video) or _whole(container),
            video_start=float(first.pts * first.time_base),
        )


def video_stream(container: InputContainer) -> VideoStream | None:
    """The first moving track: the cover picture of a song is not a video."""
    return next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)


def _is_synthetic(container: InputContainer) -> bool:
    # Matroska writes its keys in capitals.
    return any(
        value.startswith(SYNTHETIC) for key, value in container.metadata.items() if key.lower() in ("title", "comment")
    )


def _first_picture(container: InputContainer, video: VideoStream, path: str | Path) -> av.VideoFrame:
    try:
        for packet in container.demux(video):
            try:
                pictures = [picture for picture in packet.decode() if picture.pts is not None]
            except av.error.InvalidDataError:
                continue  # streams cut from a broadcast begin with pictures that miss their reference
            if pictures:
                return pictures[0]
    except av.error.FFmpegError:
        pass
    raise InputError(
        path, "not one picture of its video track can be decoded: the file is truncated or damaged", CONVERT
    )


def _seconds(ticks: int | None, stream: av.stream.Stream) -> float | None:
    return None if ticks is None else float(ticks * stream.time_base)


def _whole(container: InputContainer) -> float | None:
    return None if container.duration is None else container.duration / av.time_base
