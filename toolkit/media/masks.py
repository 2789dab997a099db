"""The masks of a sample, frame by frame and without loss: FFV1, 8-bit grey, in Matroska beside the sample's video."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np

from toolkit.files import atomic_path
from toolkit.media.container import opened, url
from toolkit.timing import FPS


def mask_file(sample: str | Path) -> Path:
    """Where the masks of a sample stand."""
    return Path(sample).with_suffix(".mask.mkv")


class MaskWriter:
    """Takes (H, W) uint8 masks of one size, one at a time."""

    def __init__(self, path: Path) -> None:
        self._container = av.open(url(path), "w", format="matroska")
        self._stream = self._container.add_stream("ffv1", rate=FPS)
        self._stream.pix_fmt = "gray"
        self.frames = 0

    def write(self, mask: np.ndarray) -> None:
        """Append the mask of one picture."""
        if not self.frames:
            self._stream.height, self._stream.width = mask.shape
        frame = av.VideoFrame.from_ndarray(mask, format="gray")
        frame.pts = self.frames
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        if self.frames:
            self._container.mux(self._stream.encode(None))
        self._container.close()


@contextmanager
def atomic_masks(path: str | Path) -> Iterator[MaskWriter]:
    """Hand out a writer whose file appears at `path` when the block ends well, and not at all otherwise."""
    with atomic_path(path) as partial:
        writer = MaskWriter(partial)
        try:
            yield writer
        finally:
            writer.close()


def read_masks(path: str | Path) -> Iterator[np.ndarray]:
    """Yield the masks of a sample in order: (H, W) uint8."""
    with opened(path) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="gray")
