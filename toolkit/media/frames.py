"""Frames of a video as arrays: in order, or in any order, never all at once.

Frame i of the workflow's files stands i/25 s after the first, so that a frame's number follows from its time stamp. A
stack (`toolkit.media.stack`) is read as a video is.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.errors import InputError
from toolkit.media.pictures import is_picture, read_picture
from toolkit.media.stack import Stack, is_stack

if TYPE_CHECKING:  # PyAV is imported where a video is opened: a machine that reads stacks alone may lack it
    import av
    from av.video.stream import VideoStream


def read_frames(path: str | Path, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
    """Yield frames `start` .. `stop` - 1 of a video (a picture is a video of one): (H, W, 3) uint8 RGB, upright.

    Any video is read whole; a `start` other than 0 needs one of the workflow's own, where frames have numbers.
    """
    if is_stack(path):
        yield from Stack(path).frames(start, stop)
        return
    if is_picture(path):
        yield from [read_picture(path)][start:stop]
        return
    from toolkit.media.colour import to_rgb
    from toolkit.media.container import opened

    with opened(path) as container:
        video = _video(container, path)
        video.thread_type = "AUTO"
        if start:
            _seek(video, start)
        skip = start
        for count, frame in enumerate(container.decode(video)):
            if count == 0 and start:
                skip = start - _number(video, frame)
            if count < skip:
                continue
            if stop is not None and count - skip >= stop - start:
                return
            yield to_rgb(frame)


class FrameReader:
    """Any frame of one of the workflow's videos by its number, at its quickest where every frame is a key frame.

    Holds the pictures decoded since the last key frame (25 at most in the workflow's files), so that reading backwards
    decodes each stretch between key frames once. The file is opened on first use in each process, so that a reader can
    be handed to a DataLoader's workers.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stack = Stack(path) if is_stack(path) else None
        self._close()

    def __len__(self) -> int:
        if self._stack is not None:
            return len(self._stack)
        return self._stream().frames

    def __getitem__(self, number: int) -> np.ndarray:
        """Frame `number` (from 0): (H, W, 3) uint8 RGB."""
        if not 0 <= number < len(self):
            raise IndexError(f"frame {number} of {self.path}, which has {len(self)}")
        if self._stack is not None:
            return self._stack[number]
        from toolkit.media.colour import to_rgb

        if number not in self._held:
            self._decode_to(number)
        return to_rgb(self._held[number])

    def __enter__(self) -> "FrameReader":
        return self

    def __exit__(self, *error: object) -> None:
        if self._process == os.getpid():
            self._opening.__exit__(*error)
        self._close()

    def __getstate__(self) -> dict:
        return {"path": self.path}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["path"])

    def _close(self) -> None:
        self._process, self._opening, self._video, self._decoder = None, None, None, None
        self._held: dict[int, av.VideoFrame] = {}

    def _stream(self) -> "VideoStream":
        from toolkit.media.container import opened

        if self._process != os.getpid():  # a forked process must not share its parent's file position
            self._close()
            self._opening = opened(self.path)
            self._video = _video(self._opening.__enter__(), self.path)
            self._video.codec_context.thread_count = 1  # frame threads would decode frames that nobody needs
            self._process = os.getpid()
        return self._video

    def _decode_to(self, number: int) -> None:
        """Decode on, or from the last key frame before, until frame `number` is held."""
        video = self._stream()
        if self._decoder is None or not 0 < number - max(self._held, default=number) <= _REACH:
            _seek(video, number)
            self._decoder = video.container.decode(video)
            self._held.clear()
        for frame in self._decoder:
            if frame.key_frame:
                self._held.clear()
            self._held[_number(video, frame)] = frame
            if number in self._held:
                return
        self._decoder = None
        raise InputError(
            self.path, f"frame {number} cannot be decoded", "Delete the file and let the workflow make it again"
        )


_REACH = 25  # frames: up to here decoding on is cheaper than seeking


def _video(container: "av.container.InputContainer", path: str | Path) -> "VideoStream":
    from toolkit.media.container import CONVERT
    from toolkit.media.probe import video_stream

    video = video_stream(container)
    if video is None:
        raise InputError(path, "it has no video track", CONVERT)
    return video


def _seek(video: "VideoStream", number: int) -> None:
    """Go to the last key frame that is not after frame `number`."""
    video.container.seek((video.start_time or 0) + round(number / video.average_rate / video.time_base), stream=video)


def _number(video: "VideoStream", frame: "av.VideoFrame") -> int:
    return round((frame.pts - (video.start_time or 0)) * video.time_base * video.average_rate)
