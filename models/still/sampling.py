"""Hold one frame of the reference."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from models.system import Picture, Request
from toolkit.media.frames import FrameReader


class Still:
    """Yields the reference frame again and again."""

    def __init__(self, reference_frame: int) -> None:
        self.reference_frame = reference_frame

    def prepare(self, request: Request) -> None:
        """Every request can be sampled."""

    def sample(self, requests: Sequence[Request], seed: int) -> Iterator[tuple[int, Picture]]:
        for number, request in enumerate(requests):
            with FrameReader(request.clip["view"]) as view:
                frame = view[min(self.reference_frame, len(view) - 1)]
            for _ in range(request.length):
                yield number, Picture(frame)


def load(weights: dict[str, Path], preset: str | None, options: dict) -> Still:
    """There is nothing to load."""
    return Still(options["reference_frame"])
