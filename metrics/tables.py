"""The tables `results/metrics.csv` and `results/summary.csv`."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from metrics.metric import Metric, NotComputed
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
Statistic = Callable[[np.ndarray], np.ndarray]
"""What sums (..., K) over pairs come to (...)."""


def metrics_table(records: Iterable[dict]) -> pd.DataFrame:
    """A row per score record (`scoring.score` with its pair's names), systems together in order of first appearance;
    one column per metric of pairs, empty where it was left out."""
    rows = [{**record, "frames": record["counts"]["frames"], **record["metrics"]} for record in records]
    table = pd.DataFrame(rows, columns=[*KEYS, *OF_PAIRS])
    order = {system: place for place, system in enumerate(table["system"].unique())}
    return table.sort_values("system", key=lambda systems: systems.map(order), kind="stable", ignore_index=True)


def summary_table(
    records: Sequence[dict], sets: Iterable[SetValue] = (), figures: Iterable[Figure] = ()
) -> pd.DataFrame:
    """A row per system, kind of pair and metric.

    mean                over pairs; of events, a rate over all pairs' time or the median of all (`Metric.summary`); of a
                        metric of sets its value
    std                 the sample's standard deviation over pairs, empty for a single value and for metrics of sets
    low, high           bootstrap 95 % interval of `mean` over clips, empty for a single clip and for metrics of sets
    count, frames       pairs with a value and the frames of their videos; of a metric of sets what it saw
    left_out            pairs for which the metric could not be computed; one without any value has an empty mean
    reason              why there is no value: what most of these pairs say, or the set
    paper, paper_data, paper_note
                        what the system's paper reports (the truth's: what papers report of real videos), over which
                        clips, and why it may differ; ` | ` between figures over different clips
    """
    of_sets = {(value.system, value.kind, value.metric): value for value in sets}
    papers: dict[tuple[str, str, str], list[Figure]] = {}
    for figure in figures:
        papers.setdefault((figure.system, figure.kind, figure.metric), []).append(figure)
    groups: dict[tuple[str, str], list[dict]] = {}
    for record in records:
        groups.setdefault((record["system"], record["kind"]), []).append(record)
    systems = dict.fromkeys(record["system"] for record in records)
    rows = []
    for system, kind, metric in product(systems, KINDS, BY_NAME.values()):
        if pairs := groups.get((system, kind)):
            row = (system, kind, metric.name)
            about = {"unit": metric.unit, "direction": metric.direction, "reason": ""}
            of_pairs = metric.of == "pair"
            found = _of_pairs(pairs, metric) if of_pairs else _of_set(pairs, metric.name, of_sets.get(row))
            left_out = {"left_out": len(pairs) - found["count"]}
            key = dict(zip(("system", "kind", "metric"), row, strict=True))
            rows.append(key | about | found | left_out | _published(papers.get(row, ())))
    columns = ["system", "kind", "metric", "unit", "direction", *NUMBERS, "count", "frames", "left_out", "reason"]
    return pd.DataFrame(rows, columns=[*columns, "paper", "paper_data", "paper_note"])


def ratio(sums: np.ndarray) -> np.ndarray:
    """Of sums (..., 2) of weighted values and of weights: the mean."""
    return sums[..., 0] / sums[..., 1]


def interval(sums: np.ndarray, clips: Sequence[str], statistic: Statistic = ratio) -> tuple[float, float]:
    """Bootstrap 95 % interval (percentiles), seeded, of a statistic of the sum of what pairs add (n, K); (nan, nan) for
    fewer than two clips.

    What is resampled are clips with all of their pairs: those of one clip are alike, and no evidence of their own.
    """
    by_clip = pd.DataFrame(sums).groupby(list(clips)).sum().to_numpy()
    if len(by_clip) < 2:
        return np.nan, np.nan

    def resampled(places: np.ndarray, axis: int) -> np.ndarray:
        return statistic(np.stack([column[places].sum(axis) for column in by_clip.T], axis=-1))

    found = bootstrap(
        (np.arange(len(by_clip)),),
        resampled,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=1000,
        method="percentile",
        rng=0,
    )
    return found.confidence_interval


def summands(pairs: Sequence[dict], metric: Metric) -> tuple[np.ndarray, Statistic]:
    """What each pair adds (n, K) to sums whose statistic is the summary: value and 1, events and seconds, or how many of
    its events have each of the K values that there are."""
    if metric.summary == "median":
        events = [np.asarray(record["pooled"][metric.name]) for record in pairs]
        values = np.unique(np.concatenate(events))
        return np.stack([(of_pair[:, None] == values).sum(axis=0) for of_pair in events]), partial(_median, values)
    values = np.array([record["metrics"][metric.name] for record in pairs], np.float64)
    weights = np.array([record["pooled"][metric.name] if metric.summary == "rate" else 1 for record in pairs])
    return np.stack([values * weights, weights], axis=1), ratio


def _median(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The median where each of the ascending values (K,) is there so often: (..., K) -> (...)."""
    reached = counts.cumsum(axis=-1)
    count = reached[..., -1:]
    lower, upper = ((reached > rank).argmax(axis=-1) for rank in ((count - 1) // 2, count // 2))
    return (values[lower] + values[upper]) / 2


def _of_pairs(pairs: Sequence[dict], metric: Metric) -> dict:
    scored = [record for record in pairs if metric.name in record["metrics"]]
    if not scored:
        return _nothing(pairs, metric.name)
    sums, statistic = summands(scored, metric)
    low, high = interval(sums, [record["video"] for record in scored], statistic)
    spread = pd.Series([record["metrics"][metric.name] for record in scored]).std()
    numbers = {"mean": statistic(sums.sum(axis=0)), "std": spread, "low": low, "high": high}
    return {**numbers, "count": len(scored), "frames": sum(record["counts"]["frames"] for record in scored)}


def _of_set(pairs: Sequence[dict], name: str, found: SetValue | None) -> dict:
    if found is None or isinstance(found.value, NotComputed):
        return _nothing(pairs, name, str(found.value) if found else "")
    return {"mean": found.value, "count": found.clips, "frames": found.frames}


def _nothing(pairs: Sequence[dict], name: str, reason: str = "") -> dict:
    """No value of a metric, for the reason that most pairs have where all of them left it out."""
    reasons = Counter(record["left_out"][name] for record in pairs if name in record["left_out"])
    if reasons.total() == len(pairs):
        [(reason, _)] = reasons.most_common(1)
    return {"count": 0, "frames": 0, "reason": reason}


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
