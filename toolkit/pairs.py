"""Pairs: the picture of one clip with the speech of another, or with its own."""

import csv
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from toolkit.batches import Batches

SEPARATOR = "--"  # never part of a clip's name (toolkit.files.safe_name)


class Pair(NamedTuple):
    """Clip `video`'s picture with clip `audio`'s speech; `kind` is `self` where both are one clip, `crossed` where they are two,
    `dubbed` where one of them is no clip of the table."""

    video: str
    audio: str
    kind: str

    @property
    def name(self) -> str:
        return pair_name(self.video, self.audio)


def pair_name(video: str, audio: str) -> str:
    """The name under which a pair's files stand."""
    return f"{video}{SEPARATOR}{audio}"


def pair_of(video: str, audio: str) -> Pair:
    """The pair of two clips."""
    return Pair(video, audio, "self" if video == audio else "crossed")


def split_pair(name: str) -> tuple[str, str]:
    """Video and audio of a pair's name; the name of one clip alone is its picture with its own speech."""
    video, _, audio = name.partition(SEPARATOR)
    return video, audio or video


class Pairs:
    """A list of pairs, and the batches in which those of a kind are worked on; what is looked up once is kept."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._pairs = tuple(pairs)
        self.batches = cache(self._batches)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs)

    def _batches(self, kind: str, size: int) -> Batches:
        """Stable batches of at most `size` pairs of a kind, or of `all`, by the pairs' names; a batch's name begins with it."""
        return Batches([pair.name for pair in self if kind in (pair.kind, "all")], size, prefix=f"{kind}-")


@cache
def read_pairs(path: str | Path) -> Pairs:
    """The pairs of the table that `split_clips` writes (columns pair, video, audio, kind), read once in a process."""
    with Path(path).open(encoding="utf-8", newline="") as lines:
        return Pairs(Pair(row["video"], row["audio"], row["kind"]) for row in csv.DictReader(lines, delimiter="\t"))
