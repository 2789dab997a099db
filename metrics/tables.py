"""The tables `results/metrics.csv` and `results/summary.csv`."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from metrics.papers import Figure
from metrics.registry import BY_NAME
from metrics.sets import SetValue

KEYS = ["system", "pair", "video", "audio", "kind", "frames"]
KINDS = ["self", "crossed"]
OF_PAIRS = [name for name, metric in BY_NAME.items() if metric.of == "pair"]
RESAMPLES = 10_000
SEPARATOR = " | "
"""Between the figures of several tables of a paper."""
NUMBERS = ["mean", "std", "low", "high"]


def metrics_table(records: Iterable[dict]) -> pd.DataFrame:
    """A row per score record (`scoring.score` with its pair's names), systems together in order of first appearance;
    one column per metric of pairs, empty where it was left out."""
    rows = [{**record, "frames": record["counts"]["frames"], **record["metrics"]} for record in records]
    table = pd.DataFrame(rows, columns=[*KEYS, *OF_PAIRS])
    order = {system: place for place, system in enumerate(table["system"].unique())}
    return table.sort_values("system", key=lambda systems: systems.map(order), kind="stable", ignore_index=True)


def summary_table(table: pd.DataFrame, sets: Iterable[SetValue] = (), figures: Iterable[Figure] = ()) -> pd.DataFrame:
    """A row per system, kind of pair and metric.

    mean, std           over pairs, the mean of pooled metrics (blinks a second) by their frames; the sample's standard
                        deviation, empty for a single value. Of a metric of sets, `mean` is its value and the spread is
                        empty
    low, high           bootstrap 95 % interval of the mean over clips, empty for a single clip and for metrics of sets
    count, frames       pairs with a value and the frames of their videos; of a metric of sets what it saw
    left_out            pairs for which the metric could not be computed; one without any value has an empty mean
    paper, paper_data, paper_note
                        what the system's paper reports (the truth's: what papers report of real videos), over which
                        clips, and why it may differ; ` | ` between figures over different clips
    """
    of_sets = {(value.system, value.kind, value.metric): value for value in sets}
    papers: dict[tuple[str, str, str], list[Figure]] = {}
    for figure in figures:
        papers.setdefault((figure.system, figure.kind, figure.metric), []).append(figure)
    rows = []
    groups = dict(list(table.groupby(["system", "kind"], sort=False)))
    for system, kind in ((system, kind) for system in table["system"].unique() for kind in KINDS):
        pairs = groups.get((system, kind))
        if pairs is None:
            continue
        for metric in BY_NAME.values():
            key = {"system": system, "kind": kind, "metric": metric.name}
            about = {"unit": metric.unit, "direction": metric.direction}
            found = _of_pairs(pairs, metric.name) if metric.of == "pair" else _of_sets(of_sets.get(tuple(key.values())))
            left_out = {"left_out": len(pairs) - found["count"]}
            rows.append(key | about | found | left_out | _published(papers.get(tuple(key.values()), ())))
    columns = ["system", "kind", "metric", "unit", "direction", *NUMBERS, "count", "frames", "left_out"]
    return pd.DataFrame(rows, columns=[*columns, "paper", "paper_data", "paper_note"])


def interval(
    values: Sequence[float], clips: Sequence[str], weights: Sequence[float] | None = None
) -> tuple[float, float]:
    """Bootstrap 95 % interval (percentiles) of the weighted mean of values, seeded; (nan, nan) for fewer than two clips.

    What is drawn anew are clips with all of their values: those of one clip are alike, and no evidence of their own.
    """
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, float)
    by_clip = pd.DataFrame({"sum": np.asarray(values) * weights, "weight": weights}).groupby(list(clips)).sum()
    if len(by_clip) < 2:
        return np.nan, np.nan
    found = bootstrap(
        (by_clip["sum"].to_numpy(), by_clip["weight"].to_numpy()),
        lambda sums, weights, axis: sums.sum(axis) / weights.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=1000,
        method="percentile",
        rng=0,
    )
    return found.confidence_interval


def _of_pairs(pairs: pd.DataFrame, name: str) -> dict:
    pairs = pairs[pairs[name].notna()]
    values, weights = pairs[name].astype(float), pairs["frames"] if BY_NAME[name].pooled else np.ones(len(pairs))
    low, high = interval(values, pairs["video"], weights)
    mean = np.average(values, weights=weights) if len(pairs) else np.nan
    numbers = {"mean": mean, "std": values.std(), "low": low, "high": high}
    return {**numbers, "count": len(pairs), "frames": int(pairs["frames"].sum())}


def _of_sets(found: SetValue | None) -> dict:
    if found is None:
        return {"count": 0, "frames": 0}
    return {"mean": found.value, "count": found.clips, "frames": found.frames}


def _published(figures: Sequence[Figure]) -> dict[str, str]:
    parts = {
        "paper": [f"{figure.value:g}" for figure in figures],
        "paper_data": [figure.data for figure in figures],
        "paper_note": [figure.note for figure in figures],
    }
    return {column: SEPARATOR.join(texts) for column, texts in parts.items()}


def read_metrics(path: str) -> pd.DataFrame:
    """The metrics table back from its file. Only metrics have empty cells: a clip may well be named NA."""
    return pd.read_csv(path, keep_default_na=False, na_values={name: "" for name in OF_PAIRS})


def read_summary(path: str) -> pd.DataFrame:
    """The summary back from its file."""
    return pd.read_csv(path, keep_default_na=False, na_values={name: "" for name in NUMBERS}, dtype={"paper": str})
