"""Pairs: the picture of one clip with the speech of another, or with its own."""

import csv
from pathlib import Path
from typing import NamedTuple

SEPARATOR = "--"  # never part of a clip's name (toolkit.files.safe_name)


class Pair(NamedTuple):
    """Clip `video`'s picture with clip `audio`'s speech; `kind` is `self` where both are one clip, else `crossed`."""

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


def read_pairs(path: str | Path) -> list[Pair]:
    """The pairs of the table that `split_clips` writes (columns pair, video, audio, kind)."""
    with Path(path).open(encoding="utf-8", newline="") as lines:
        return [Pair(row["video"], row["audio"], row["kind"]) for row in csv.DictReader(lines, delimiter="\t")]
