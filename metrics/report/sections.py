"""What the report says, as plain lists and dictionaries for its template."""

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import count, product
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from metrics.metric import Metric
from metrics.papers import GROUND_TRUTH
from metrics.registry import BY_NAME, METRICS
from metrics.report.plots import clip_plot, metric_bars, opening_plot
from metrics.tables import OF_PAIRS, SEPARATOR
from toolkit.timing import SAMPLES_PER_FRAME

HEADLINE = ("lse_c", "mouth_correlation", "fid", "m_lmd", "psnr", "ssim")
LARGEST_VIDEO = 24 * 2**20
"""Bytes of a video that still goes into the page."""
KIND_TITLES = {"self": "Own speech", "crossed": "Another clip's speech"}
FAMILIES = (
    "Pictures beside the real ones",
    "Landmarks beside the real ones",
    "Sets of pictures and clips",
    "Speech and lips",
    "The generated video by itself",
)


def number(value: float | None, digits: int = 3) -> str:
    """A value for the eye: `digits` significant places, three decimals at most; an empty text for a missing one."""
    if value is None or pd.isna(value):
        return ""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text else f"{value:.3f}" if abs(value) < 0.1 else text


def family(metric: Metric) -> str:
    """Which of `FAMILIES` a metric belongs to: what it holds the generated video against."""
    if metric.of == "set":
        return FAMILIES[2]
    if {"sound", "speech opening", "video opening", "transcripts"} & set(metric.needs):
        return FAMILIES[3]
    if "reference landmarks" in metric.needs:
        return FAMILIES[1]
    return FAMILIES[0 if "reference" in metric.needs else 4]


def tiles(summary: pd.DataFrame, most: int = 4) -> list[dict]:
    """The headline: for each of the first metrics, the system that does best with its own clips' speech."""
    found = []
    for metric in (BY_NAME[name] for name in HEADLINE):
        rows = _rows(summary, metric.name, "self")
        best = _best(rows, metric)
        if best is not None:
            truth = rows.loc[rows["system"] == GROUND_TRUTH, "mean"]
            found.append({**best, "metric": metric, "truth": truth.iloc[0] if len(truth) else None})
    return found[:most]


def papers(summary: pd.DataFrame) -> list[dict]:
    """The papers' own figures, numbered, each with what was measured here in its place; those of real videos last."""
    numbers = count(1)
    found = []
    rows = summary[summary["paper"] != ""].sort_values("system", key=lambda names: names == GROUND_TRUTH, kind="stable")
    for row in rows.to_dict("records"):
        parts = (row[column].split(SEPARATOR) for column in ("paper", "paper_data", "paper_note"))
        for value, data, note in zip(*parts, strict=True):
            figure = {"number": next(numbers), "value": float(value), "data": data, "note": note}
            found.append({**figure, "ours": row, "metric": BY_NAME[row["metric"]]})
    return found


def summaries(summary: pd.DataFrame, reported: Sequence[dict]) -> list[dict]:
    """A table per kind of pair and family: systems by the metrics that have a value there; the best of each column is
    marked, and a cell has the figures of papers that belong beside it."""
    figures = defaultdict(list)
    for figure in reported:
        figures[figure["ours"]["system"], figure["ours"]["kind"], figure["metric"].name].append(figure)
    tables = []
    for (kind, kind_title), title in product(KIND_TITLES.items(), FAMILIES):
        by_metric = {metric: _rows(summary, metric.name, kind) for metric in METRICS if family(metric) == title}
        by_metric = {metric: rows for metric, rows in by_metric.items() if len(rows)}
        cells = {}
        for metric, rows in by_metric.items():
            best = _best(rows, metric)
            for row in rows.to_dict("records"):
                is_best = best is not None and row["system"] == best["system"]
                figure = figures[row["system"], kind, metric.name]
                cells[row["system"], metric.name] = row | {"best": is_best, "papers": figure}
        systems = [name for name in summary["system"].unique() if any(key[0] == name for key in cells)]
        rows = [{"system": system, "cells": [cells.get((system, m.name)) for m in by_metric]} for system in systems]
        if by_metric:
            of_sets = all(metric.of == "set" for metric in by_metric)
            tables.append(
                {"kind": kind_title, "title": title, "of_sets": of_sets, "metrics": list(by_metric), "rows": rows}
            )
    return tables


def bars(summary: pd.DataFrame, table: pd.DataFrame, reported: Sequence[dict], colour: Mapping[str, str]) -> list[dict]:
    """A plot per metric and kind of pair that has values."""
    plots = []
    for metric, (kind, kind_title) in product(METRICS, KIND_TITLES.items()):
        means = _rows(summary, metric.name, kind)
        if means.empty:
            continue
        beside = [
            (figure["ours"]["system"], figure["value"])
            for figure in reported
            if (figure["metric"], figure["ours"]["kind"]) == (metric, kind)
        ]
        title = f"{metric.title}, {kind_title.lower()}: mean and interval per system"
        svg = metric_bars(means, _values(table, metric, kind), beside, colour, title)
        plots.append({"metric": metric, "kind": kind, "kind_title": kind_title, "family": family(metric), "svg": svg})
    return plots


def clips(table: pd.DataFrame, colour: Mapping[str, str]) -> list[dict]:
    """A plot per metric and kind of pair that has values for more than one pair: every pair by itself."""
    plots = []
    for metric, (kind, kind_title) in product((BY_NAME[name] for name in OF_PAIRS), KIND_TITLES.items()):
        values = _values(table, metric, kind)
        if values["pair"].nunique() > 1:
            svg = clip_plot(values, colour, f"{metric.title}, {kind_title.lower()}: every pair")
            plots.append({"metric": metric, "kind_title": kind_title, "svg": svg})
    return plots


def players(
    videos: Sequence[dict],
    records: Sequence[dict],
    sounds: Mapping[str, Path],
    colour: Mapping[str, str],
    max_players: int,
) -> tuple[list[dict], int]:
    """The pairs to look at (at most `max_players`, in the order of `videos`) and the number of those not shown.

    Each has its videos as data addresses and the plot of the mouth's opening over time, above the loudness of its speech
    where that clip's sound is among `sounds`.
    """
    by_pair = defaultdict(list)
    for video in videos:
        by_pair[video["pair"]].append(video)
    shown = []
    for pair, entries in list(by_pair.items())[:max_players]:
        scored = {record["system"]: record for record in records if record["pair"] == pair}
        shown.append(
            {"pair": pair, "videos": [_video(entry, scored) for entry in entries], **_openings(scored, sounds, colour)}
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


def _rows(summary: pd.DataFrame, name: str, kind: str) -> pd.DataFrame:
    return summary[(summary["metric"] == name) & (summary["kind"] == kind) & (summary["count"] > 0)]


def _values(table: pd.DataFrame, metric: Metric, kind: str) -> pd.DataFrame:
    """System, pair and value of each pair of that kind that has one."""
    if metric.of == "set":
        return pd.DataFrame(columns=["system", "pair", "value"])
    values = table.loc[table["kind"] == kind, ["system", "pair", metric.name]].dropna()
    return values.rename(columns={metric.name: "value"})


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


def _openings(scored: Mapping[str, dict], sounds: Mapping[str, Path], colour: Mapping[str, str]) -> dict:
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
    record = next(iter(scored.values()))
    sound = sounds.get(record["audio"])
    title = f"Opening of the mouth over time in {record['pair']}"
    svg, frames = opening_plot(tracks, None if sound is None else loudness(sound), colour, title)
    return {"plot": svg, "frames": frames}


def loudness(wav: Path) -> np.ndarray:
    """Root mean square of the sound during each video frame, (T,)."""
    with soundfile.SoundFile(wav) as sound:
        blocks = sound.blocks(SAMPLES_PER_FRAME)
        return np.fromiter((np.sqrt(np.mean(np.square(block))) for block in blocks), np.float64)
