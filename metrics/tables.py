"""The tables `results/metrics.csv` and `results/summary.csv`."""

from collections.abc import Iterable

import pandas as pd

from metrics.registry import BY_NAME

KEYS = ["system", "pair", "video", "audio", "kind", "frames"]


def metrics_table(records: Iterable[dict]) -> pd.DataFrame:
    """A row per score record (`scoring.score` with its pair's names), systems together in order of first appearance;
    one column per metric, empty where it was left out."""
    rows = [{**record, "frames": record["counts"]["frames"], **record["metrics"]} for record in records]
    table = pd.DataFrame(rows, columns=[*KEYS, *BY_NAME])
    order = {system: place for place, system in enumerate(table["system"].unique())}
    return table.sort_values("system", key=lambda systems: systems.map(order), kind="stable", ignore_index=True)


def summary_table(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, sample standard deviation (empty for a single value) and count over pairs, per system, kind and metric.

    `left_out` counts the pairs for which the metric could not be computed; one without any value has an empty mean.
    """
    values = table.melt(["system", "kind"], list(BY_NAME), "metric", "value")
    values = values.astype({"system": pd.CategoricalDtype(table["system"].unique()), "value": float})
    values["metric"] = pd.Categorical(values["metric"], list(BY_NAME))
    values["kind"] = pd.Categorical(values["kind"], ["self", "crossed"])
    groups = values.groupby(["system", "kind", "metric"], observed=True)["value"]
    summary = groups.agg(mean="mean", std="std", count="count", pairs="size").reset_index()
    summary["left_out"] = summary.pop("pairs") - summary["count"]
    for place, column in enumerate(("unit", "direction"), start=3):
        summary.insert(place, column, [getattr(BY_NAME[name], column) for name in summary["metric"]])
    return summary


def read_metrics(path: str) -> pd.DataFrame:
    """The metrics table back from its file. Only metrics have empty cells: a clip may well be named NA."""
    return pd.read_csv(path, keep_default_na=False, na_values={name: "" for name in BY_NAME})


def read_summary(path: str) -> pd.DataFrame:
    """The summary back from its file."""
    return pd.read_csv(path, keep_default_na=False, na_values={name: "" for name in ("mean", "std")})
