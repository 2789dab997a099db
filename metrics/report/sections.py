"""What the report says, as plain lists and dictionaries for its template."""

import base64
import re
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
from metrics.report.ranking import Best
from metrics.tables import OF_PAIRS, SEPARATOR
from toolkit.timing import SAMPLES_PER_FRAME

HEADLINE = ("lse_c", "mouth_correlation", "fid", "csim", "m_lmd", "psnr", "ssim")
"""What is looked at first: do lips follow the speech, does it look real, is it still the same person?"""
MOST_VIDEO = 96 * 2**20
"""Bytes of video in the page: browsers refuse much larger ones."""
MOST_TILES = 4
KIND_TITLES = {"self": "Own speech", "crossed": "Another clip's speech"}
FAMILIES = (
    "Pictures beside the real ones",
    "Landmarks beside the real ones",
    "Sets of pictures and clips",
    "Speech and lips",
    "The generated video by itself",
)
BestSystems = Mapping[tuple[str, str], Best]


def number(value: float | None, digits: int = 3) -> str:
    """A value for the eye: `digits` significant places, three decimals at most; an empty text for a missing one."""
    if value is None or pd.isna(value):
        return ""
    if value == 0:
        return "0"
    if abs(value) < 0.1:
        return f"{value:z.3f}"
    text = f"{value:#.{digits}g}"
    return f"{value:.0f}" if "e+" in text else text.removesuffix(".")


def family(metric: Metric) -> str:
    """Which of `FAMILIES` a metric belongs to: what it holds the generated video against."""
    if metric.of == "set":
        return FAMILIES[2]
    if {"sound", "speech opening", "video opening", "transcripts"} & set(metric.needs):
        return FAMILIES[3]
    if "reference landmarks" in metric.needs:
        return FAMILIES[1]
    return FAMILIES[0 if {"reference", "person"} & set(metric.needs) else 4]


def tiles(
    summary: pd.DataFrame, best_systems: BestSystems, table: pd.DataFrame, colour: Mapping[str, str]
) -> list[dict]:
    """The headline: for each of the first metrics which system is best with the clips' own speech, and whether that is more
    than noise."""
    found = []
    for metric in [BY_NAME[name] for name in HEADLINE if (name, "self") in best_systems][:MOST_TILES]:
        rows = _rows(summary, metric.name, "self")
        best = best_systems[metric.name, "self"]
        mean = rows.set_index("system").loc[best.system, "mean"]
        svg = metric_bars(
            rows, _values(table, metric, "self"), (), colour, f"{metric.title}: systems compared", width=3.4
        )
        found.append({"metric": metric, "best": best, "mean": mean, "svg": svg})
    return found


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


def summaries(summary: pd.DataFrame, reported: Sequence[dict], best_systems: BestSystems) -> list[dict]:
    """A table per kind of pair and family: systems by the metrics that have a value there, each metric with its best system;
    the best system's cell is marked, and a cell has the figures of papers that belong beside it."""
    figures = defaultdict(list)
    for figure in reported:
        figures[figure["ours"]["system"], figure["ours"]["kind"], figure["metric"].name].append(figure)
    tables = []
    for (kind, kind_title), title in product(KIND_TITLES.items(), FAMILIES):
        shown = [metric for metric in METRICS if family(metric) == title and len(_rows(summary, metric.name, kind))]
        best = {metric: best_systems.get((metric.name, kind)) for metric in shown}
        cells: dict[str, dict[str, dict]] = {}
        of_kind = summary[(summary["kind"] == kind) & summary["metric"].isin([metric.name for metric in shown])]
        for row in of_kind.to_dict("records"):
            is_best = best[BY_NAME[row["metric"]]] == (row["system"], "")
            figure = figures[row["system"], kind, row["metric"]]
            cells.setdefault(row["system"], {})[row["metric"]] = row | {"best": is_best, "papers": figure}
        if shown:
            of_sets = all(metric.of == "set" for metric in shown)
            tables.append({"kind": kind_title, "title": title, "of_sets": of_sets, "metrics": best, "rows": cells})
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
    """The pairs to look at (at most `max_players`, in the order of `videos`, while the page has room for all videos of a
    pair) and the number of those not shown.

    Each has its videos as data addresses, and the plot of the mouth's opening over time, above the
    loudness of its speech where that clip's sound is among `sounds`.
    """
    by_pair = defaultdict(list)
    for video in videos:
        by_pair[video["pair"]].append(video)
    shown, room = [], MOST_VIDEO
    for pair, films in by_pair.items():
        size = sum(Path(film["path"]).stat().st_size for film in films)
        if len(shown) < max_players and size <= room:
            room -= size
            scored = {record["system"]: record for record in records if record["pair"] == pair}
            picture, _, speech = pair.partition("--")
            title = f"{picture} with {'its own speech' if speech == picture else f'the speech of {speech}'}"
            values = _headline(scored)
            shown.append(
                {
                    "title": title,
                    "videos": [_video(film, values) for film in films],
                    **_openings(scored, sounds, colour),
                }
            )
    return shown, len(by_pair) - len(shown)


def left_out(records: Iterable[dict], summary: pd.DataFrame) -> list[dict]:
    """The reasons for which metrics were left out, each with its metrics and the samples that it holds for; reasons that
    differ in a number alone (of frames, of pixels) are one, with an ellipsis in its place."""
    rows = [(name, why, f"{r['system']}: {r['pair']}") for r in records for name, why in r["left_out"].items()]
    known = {(name, why) for name, why, _ in rows}
    for row in summary[summary["reason"] != ""].to_dict("records"):  # of sets; of pairs, what their records say
        if (row["metric"], row["reason"]) not in known and BY_NAME[row["metric"]].of == "set":
            rows.append((row["metric"], row["reason"], f"{row['system']}: {KIND_TITLES[row['kind']].lower()}"))
    reasons = defaultdict(lambda: ({}, set(), {}))
    for name, why, sample in rows:
        texts, metrics, samples = reasons[re.sub(r"\b\d+\b", "…", why)]
        texts[why] = samples[sample] = None
        metrics.add(name)
    return [
        {
            "reason": masked if len(texts) > 1 else next(iter(texts)),
            "metrics": [metric.title for metric in METRICS if metric.name in names],
            "samples": list(samples),
        }
        for masked, (texts, names, samples) in reasons.items()
    ]


def columns(metrics: Sequence[Metric]) -> dict[str, list[int]]:
    """Choices of the long table's columns by title, as places in `metrics`: the headline, each family, all."""
    chosen = {"The main ones": [place for place, metric in enumerate(metrics) if metric.name in HEADLINE]}
    chosen |= {title: [place for place, metric in enumerate(metrics) if family(metric) == title] for title in FAMILIES}
    chosen["All"] = list(range(len(metrics)))
    return {title: places for title, places in chosen.items() if places}


def _rows(summary: pd.DataFrame, name: str, kind: str) -> pd.DataFrame:
    return summary[(summary["metric"] == name) & (summary["kind"] == kind) & (summary["count"] > 0)]


def _values(table: pd.DataFrame, metric: Metric, kind: str) -> pd.DataFrame:
    """System, pair and value of each pair of that kind that has one."""
    if metric.of == "set":
        return pd.DataFrame(columns=["system", "pair", "value"])
    values = table.loc[table["kind"] == kind, ["system", "pair", metric.name]].dropna()
    return values.rename(columns={metric.name: "value"})


def _headline(scored: Mapping[str, dict]) -> dict[str, list[tuple[Metric, float | None]]]:
    """The first metrics that any system has a value of, and each system's."""
    values = {system: record["metrics"] for system, record in scored.items()}
    names = [name for name in HEADLINE if any(name in found for found in values.values())][:MOST_TILES]
    return {system: [(BY_NAME[name], found.get(name)) for name in names] for system, found in values.items()}


def _video(entry: dict, values: Mapping[str, list]) -> dict:
    data = base64.b64encode(Path(entry["path"]).read_bytes()).decode()
    system = entry["system"]
    return {"system": system, "data": f"data:video/mp4;base64,{data}", "values": values.get(system, [])}


def _openings(scored: Mapping[str, dict], sounds: Mapping[str, Path], colour: Mapping[str, str]) -> dict:
    tracks = {}
    for system, record in scored.items():
        openings = record["openings"]
        if "speech" in openings:
            tracks.setdefault("aim: the speech's clip", openings["speech"])
        if "video" in openings:
            tracks.setdefault("the picture's clip", openings["video"])
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
