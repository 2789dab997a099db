"""Metrics of sets (FID, FVD): how far all of a system's frames or windows are from the real clips'."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from metrics.frechet import Moments, frechet_distance
from metrics.metric import NotComputed
from metrics.registry import METRICS

OF_SETS = [metric.name for metric in METRICS if metric.of == "set"]


class SetValue(NamedTuple):
    """A distance, or why there is none, and the numbers of clips and of generated frames that it saw."""

    system: str
    kind: str
    metric: str
    value: float | NotComputed
    clips: int
    frames: int


def set_values(pairs: Iterable[tuple[dict, str | Path]]) -> list[SetValue]:
    """The metrics of sets for each system and kind of pair.

    Beside its record, a pair has a file of features (.npz), as `Measure.features` gives them. A crossed pair, which has no
    reference of its own, is held against its picture's clip, as the same system's `self` pair has it. Both sides take
    equally many rows of every pair, since a distance depends on their number.
    """
    groups: dict[tuple[str, str], dict[Path, str]] = {}
    self_pairs = {}
    for record, path in pairs:
        groups.setdefault((record["system"], record["kind"]), {})[Path(path)] = record["video"]
        if record["kind"] == "self":
            self_pairs[record["system"], record["video"]] = Path(path)
    values = []
    for ((system, kind), videos), metric in product(groups.items(), OF_SETS):
        sources = {path: self_pairs[system, video] for path, video in videos.items() if (system, video) in self_pairs}
        generated, real, clips, frames = _collected(metric, sources)
        try:
            value = frechet_distance(generated, real)
        except NotComputed as reason:
            value = reason
        values.append(SetValue(system, kind, metric, value, clips, frames))
    return values


def _collected(metric: str, sources: dict[Path, Path]) -> tuple[Moments, Moments, int, int]:
    """The rows of all pairs, generated and real, how many pairs have any, and how many frames they stand for; `sources`
    says whose reference is whose."""
    generated, real, clips, frames = Moments(), Moments(), 0, 0
    for path, source in sources.items():
        with np.load(path) as made, np.load(source) as truth:
            if f"{metric}.generated" in made and f"{metric}.reference" in truth:
                rows = made[f"{metric}.generated"], truth[f"{metric}.reference"]
                length = min(map(len, rows))
                clips += length > 0
                frames += int(made[f"{metric}.frames"][:length].sum())
                generated.update(rows[0][:length])
                real.update(rows[1][:length])
    return generated, real, clips, frames
