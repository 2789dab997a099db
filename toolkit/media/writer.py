"""Writing frames as H.264 at 25 frames a second, in the project's one colour convention: BT.709, limited, tagged."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from toolkit.files import atomic_path
from toolkit.media.colour import EXACT
from toolkit.timing import FPS

KEY_INTERVAL = FPS  # frames between key frames: what a reader going backwards must decode, and hold, at once
_TIME_BASE = Fraction(1, FPS)


class VideoWriter:
    """Takes (H, W, 3) uint8 RGB frames of one even size, one at a time.

    crf: x264's quality: by eye 14 looks like the source, 18 is good, 23 is x264's own.
    intra: every frame a key frame, for random access.
    """

    def __init__(self, path: str | Path, *, crf: int = 14, intra: bool = False, preset: str = "veryfast") -> None:
        self._container = av.open(
            f"file:{Path(path).absolute()}", "w", format="mp4", options={"movflags": "+faststart"}
        )
        options = {"crf": str(crf), "preset": preset}
        self._stream = self._container.add_stream("libx264", rate=FPS, options=options)
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = _TIME_BASE
        codec = self._stream.codec_context
        codec.gop_size = 1 if intra else KEY_INTERVAL
        codec.colorspace, codec.color_range = Colorspace.ITU709, ColorRange.MPEG
        codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        self._size: tuple[int, ...] | None = None
        self.frames = 0

    def write(self, frame: np.ndarray) -> None:
        """Append one frame."""
        if self._size is None:
            self._start(frame)
        if frame.shape != self._size or frame.dtype != np.uint8:
            raise ValueError(f"frame {self.frames} is {frame.dtype} {frame.shape}, the first was uint8 {self._size}")
        picture = to_yuv(frame)
        picture.pts, picture.time_base = self.frames, _TIME_BASE
        self._container.mux(self._stream.encode(picture))
        self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        if self.frames:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def _start(self, frame: np.ndarray) -> None:
        height, width = frame.shape[:2]
        if frame.ndim != 3 or frame.shape[2] != 3 or height % 2 or width % 2:
            raise ValueError(f"frames are (even height, even width, 3), not {frame.shape}")
        self._stream.width, self._stream.height = width, height
        self._size = frame.shape


def to_yuv(frame: np.ndarray, *, threads: int | None = 1) -> av.VideoFrame:
    """A (H, W, 3) uint8 RGB frame of even size as the encoder takes it: 4:2:0, BT.709, limited.

    One thread does more pictures per processor second than several, and makes the same pixels: each picture has a
    converter of its own, whose threads (None: one per core) cost more to start than the work.
    """
    return av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=EXACT,
        threads=threads,
    )


@contextmanager
def atomic_video(
    path: str | Path, *, crf: int = 14, intra: bool = False, preset: str = "veryfast"
) -> Iterator[VideoWriter]:
    """Hand out a writer (`VideoWriter`) whose mp4 appears at `path` when the block ends well, and not at all otherwise."""
    with atomic_path(path) as partial:
        writer = VideoWriter(partial, crf=crf, intra=intra, preset=preset)
        try:
            yield writer
        finally:
            writer.close()
        if writer.frames == 0:
            raise ValueError(f"no frames for {path}")


def write_video(
    path: str | Path, frames: Iterable[np.ndarray], *, crf: int = 14, intra: bool = False, preset: str = "veryfast"
) -> int:
    """Write frames ((H, W, 3) uint8 RGB, even size) as an mp4, whole or not at all; return how many there were."""
    with atomic_video(path, crf=crf, intra=intra, preset=preset) as writer:
        for frame in frames:
            writer.write(frame)
    return writer.frames
