"""What the report says, as plain lists and dictionaries for its template."""

import base64
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from metrics.registry import BY_NAME, METRICS, Metric
from metrics.report.plots import metric_bars, opening_plot

GROUND_TRUTH = "ground_truth"
HEADLINE = ("mouth_correlation", "m_lmd", "psnr", "ssim")
LARGEST_VIDEO = 24 * 2**20
"""Bytes of a video that still goes into the page."""
KIND_TITLES = {"self": "Own speech", "crossed": "Another clip's speech"}


def number(value: float | None, digits: int = 3) -> str:
    """A value for the eye: `digits` significant places, three decimals at most; an empty text for a missing one."""
    if value is None or pd.isna(value):
        return ""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text else f"{value:.3f}" if abs(value) < 0.1 else text


def tiles(summary: pd.DataFrame) -> list[dict]:
    """The headline: for each of the first metrics, the system that does best with its own clips' speech."""
    found = []
    for metric in (BY_NAME[name] for name in HEADLINE):
        rows = _rows(summary, metric.name, "self")
        best = _best(rows, metric)
        if best is not None:
            truth = rows.loc[rows["system"] == GROUND_TRUTH, "mean"]
            found.append({**best, "metric": metric, "truth": truth.iloc[0] if len(truth) else None})
    return found


def summaries(summary: pd.DataFrame) -> list[dict]:
    """A table per kind of pair: systems by the metrics that have a value there; the best of each column is marked."""
    tables = []
    for kind, title in KIND_TITLES.items():
        by_metric = {metric: _rows(summary, metric.name, kind) for metric in METRICS}
        by_metric = {metric: rows for metric, rows in by_metric.items() if len(rows)}
        cells = {}
        for metric, rows in by_metric.items():
            best = _best(rows, metric)
            for row in rows.to_dict("records"):
                is_best = best is not None and row["system"] == best["system"]
                cells[row["system"], metric.name] = row | {"best": is_best}
        systems = dict.fromkeys(summary.loc[summary["kind"] == kind, "system"])
        rows = [{"system": system, "cells": [cells.get((system, m.name)) for m in by_metric]} for system in systems]
        if by_metric:
            tables.append({"kind": kind, "title": title, "metrics": list(by_metric), "rows": rows})
    return tables


def bars(summary: pd.DataFrame, table: pd.DataFrame, colour: dict[str, str]) -> list[dict]:
    """A plot per metric and kind of pair that has values."""
    plots = []
    for metric in METRICS:
        for kind, kind_title in KIND_TITLES.items():
            means = _rows(summary, metric.name, kind)
            values = table.loc[table["kind"] == kind, ["system", metric.name]].dropna()
            if len(means):
                title = f"{metric.title}, {kind_title.lower()}: mean and standard deviation per system"
                svg = metric_bars(means, values.rename(columns={metric.name: "value"}), colour, title)
                plots.append({"metric": metric, "kind": kind_title, "svg": svg})
    return plots


def players(
    videos: Sequence[dict], records: Sequence[dict], colour: dict[str, str], max_players: int
) -> tuple[list[dict], int]:
    """The pairs to look at (at most `max_players`, in the order of `videos`) and the number of those not shown.

    Each has its videos as data addresses and the plot of the mouth's opening over time.
    """
    by_pair = defaultdict(list)
    for video in videos:
        by_pair[video["pair"]].append(video)
    shown = []
    for pair, entries in list(by_pair.items())[:max_players]:
        scored = {record["system"]: record for record in records if record["pair"] == pair}
        shown.append(
            {"pair": pair, "videos": [_video(entry, scored) for entry in entries], **_openings(scored, colour)}
        )
    return shown, len(by_pair) - len(shown)


def left_out(records: Iterable[dict]) -> list[dict]:
    """The reasons for which metrics were left out, each with its metrics and the samples that it holds for."""
    reasons = defaultdict(lambda: (set(), []))
    for record in records:
        for name, reason in record["left_out"].items():
            metrics, samples = reasons[reason]
            metrics.add(name)
            sample = f"{record['system']}: {record['pair']}"
            if sample not in samples:
                samples.append(sample)
    return [
        {"reason": reason, "metrics": [m.title for m in METRICS if m.name in names], "samples": samples}
        for reason, (names, samples) in reasons.items()
    ]


def stages(benchmarks: Path | None) -> list[dict]:
    """Time and memory of each rule from Snakemake's benchmark files, `{rule}.tsv` and
    `{rule}/**/{job}.tsv`."""
    if benchmarks is None or not benchmarks.is_dir():
        return []
    rows: list[dict] = []
    by_rule = defaultdict(list)
    for path in sorted(benchmarks.rglob("*.tsv")):
        by_rule[Path(path.relative_to(benchmarks).parts[0]).stem].append(pd.read_csv(path, sep="\t"))
    for rule, jobs in by_rule.items():
        table = pd.concat(jobs)
        seconds, memory = table["s"], pd.to_numeric(table["max_rss"], errors="coerce")  # "-" for a very short job
        row = {"jobs": len(table), "total": seconds.sum(), "mean": seconds.mean(), "memory": memory.max()}
        rows.append({"rule": rule, **row})
    return rows


def _rows(summary: pd.DataFrame, name: str, kind: str) -> pd.DataFrame:
    return summary[(summary["metric"] == name) & (summary["kind"] == kind) & (summary["count"] > 0)]


def _best(rows: pd.DataFrame, metric: Metric) -> dict | None:
    """The best row that is not the truth itself; None where no direction is better or nobody competes."""
    rivals = rows[rows["system"] != GROUND_TRUTH]
    if metric.direction == "neutral" or rivals.empty:
        return None
    place = rivals["mean"].idxmax() if metric.direction == "higher" else rivals["mean"].idxmin()
    return rivals.loc[place].to_dict()


def _video(entry: dict, scored: dict[str, dict]) -> dict:
    path = Path(entry["path"])
    shown = path.stat().st_size <= LARGEST_VIDEO
    values = scored.get(entry["system"], {}).get("metrics", {})
    return {
        "system": entry["system"],
        "name": path.name,
        "data": f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}" if shown else None,
        "values": [(BY_NAME[name], values[name]) for name in HEADLINE if name in values],
    }


def _openings(scored: dict[str, dict], colour: dict[str, str]) -> dict:
    tracks = {}
    for system, record in scored.items():
        openings = record["openings"]
        if "speech" in openings:
            tracks.setdefault("in the speech's clip", openings["speech"])
        if "video" in openings:
            tracks.setdefault("in the picture's clip", openings["video"])
        if "generated" in openings:
            tracks[system] = openings["generated"]
    if not tracks:
        return {"plot": None, "frames": 0}
    pair = next(iter(scored.values()))["pair"]
    svg, frames = opening_plot(tracks, colour, f"Opening of the mouth over time in {pair}")
    return {"plot": svg, "frames": frames}
