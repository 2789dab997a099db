"""Which system is best by a metric, and whether its lead is more than the noise of the clips that happened to be there."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import product
from typing import NamedTuple

import pandas as pd
from scipy.stats import wilcoxon

from metrics.metric import Metric
from metrics.registry import METRICS
from metrics.tables import KINDS

CHANCE = 0.05
"""How often one of two equal systems may be taken for the better."""
FEWEST_CLIPS = 6
"""Fewer cannot tell: of two equal systems one is ahead on all of five clips once in 16 runs."""


class Best(NamedTuple):
    """The `system` with the best mean, and the `doubt` whether that makes it the best; empty where it does."""

    system: str
    doubt: str


def best_systems(
    summary: pd.DataFrame, table: pd.DataFrame, records: Iterable[dict], baselines: Collection[str]
) -> dict[tuple[str, str], Best]:
    """The best system by name of metric and kind of pair, where a direction is better and a system has a value.

    `summary` and `table` are those of `metrics.tables`, `records` the scores that they were made of; `baselines` are what
    systems are held against, and never best.
    """
    summary, table = (rows[~rows["system"].isin(baselines)] for rows in (summary, table))
    records = [record for record in records if record["system"] not in baselines]
    found = {}
    for metric, kind in product((metric for metric in METRICS if metric.direction != "neutral"), KINDS):
        rows = summary[(summary["metric"] == metric.name) & (summary["kind"] == kind) & (summary["count"] > 0)]
        systems = list(rows.sort_values("mean", ascending=metric.direction == "lower", kind="stable")["system"])
        if systems:
            of_kind = [record for record in records if record["kind"] == kind]
            values = table[table["kind"] == kind]
            found[metric.name, kind] = Best(systems[0], _doubt(metric, *systems, records=of_kind, table=values))
    return found


def _doubt(metric: Metric, first: str, *others: str, records: list[dict], table: pd.DataFrame) -> str:
    """Whether the first is ahead of each of the others on the same clips, which differ more than systems do.

    Wilcoxon's signed-rank test of each clip's mean difference: a bootstrap interval of it is too narrow for few clips.
    """
    if not others:
        return "the only system"
    if metric.size_dependent and _sizes_differ(metric, records):
        return "sizes differ"
    if metric.of == "set":
        return "no interval"
    values = table.pivot(index=["video", "pair"], columns="system", values=metric.name)
    for other in others:
        difference = (values[first] - values[other]).dropna().groupby("video").mean()
        if len(difference) < FEWEST_CLIPS:
            return "too few clips"
        better = "greater" if metric.direction == "higher" else "less"
        if not difference.any() or wilcoxon(difference, alternative=better).pvalue > CHANCE / 2:
            return "may be noise"
    return ""


def _sizes_differ(metric: Metric, records: Iterable[dict]) -> bool:
    """Whether two systems have pictures of different sizes for the same pair, on the side whose size matters."""
    side = "reference" if "reference" in metric.needs else "generated"
    sizes = defaultdict(set)
    for record in records:
        if record["sizes"][side]:
            sizes[record["pair"]].add(tuple(record["sizes"][side]))
    return any(len(found) > 1 for found in sizes.values())
