"""The report: one HTML file that needs no network, no server and no second file."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd
from markupsafe import Markup

from metrics.papers import GROUND_TRUTH
from metrics.registry import METRICS
from metrics.report import provenance, sections
from metrics.report.plots import OPENING_SPAN, colours
from metrics.report.ranking import FEWEST_CLIPS, best_systems
from toolkit.timing import FPS

HERE = Path(__file__).parent


class Page(NamedTuple):
    """The page's text, and its plots per metric as (name, SVG)."""

    html: str
    plots: list[tuple[str, str]]


def render(
    table: pd.DataFrame,
    summary: pd.DataFrame,
    records: Sequence[dict],
    videos: Sequence[dict],
    verdicts: Sequence[dict] = (),
    *,
    sounds: Mapping[str, Path] | None = None,
    weights: Sequence[dict] = (),
    presets: Mapping[str, tuple[str, str]] | None = None,
    cautions: Sequence[str] = (),
    encoders: Mapping[str, str] | None = None,
    benchmarks: Path | None = None,
    baselines: Sequence[str] = (),
    max_players: int = 6,
) -> Page:
    """The page.

    `table` and `summary` are those of `metrics.tables`, `records` the scores they were made of; `videos` have `pair`,
    `system` and `path`, in the order of their players; `verdicts` are those of all inspected clips; `sounds` are clips'
    speech; `weights` the records of the systems' weights, `presets` for each system that has weights its preset and where
    they are from, as configured; `cautions` are lines on weights that go before everything else; `encoders` the models that
    encode speech, by name; `benchmarks` is a folder of Snakemake's benchmark files; `baselines` are systems that the others
    are held against, as against the truth: they come last everywhere, and win nothing.
    Every name passes through Jinja's autoescape, and the page allows no script but its own (by its hash).
    """
    baselines = (GROUND_TRUTH, *baselines)
    last = {"by": "system", "key": lambda systems: systems.isin(baselines), "kind": "stable"}
    table, summary = table.sort_values(**last), summary.sort_values(**last)
    records, videos = (sorted(entries, key=lambda one: one["system"] in baselines) for entries in (records, videos))
    script = (HERE / "page.js").read_text(encoding="utf-8")
    colour = colours(table["system"].unique(), baselines)
    shown, hidden = sections.players(videos, records, sounds or {}, colour, max_players)
    papers = sections.papers(summary)
    bars = sections.bars(summary, table, papers, colour)
    best = best_systems(summary, table, records, baselines)
    with_values = [metric for metric in METRICS if (summary.loc[summary["metric"] == metric.name, "count"] > 0).any()]
    of_pairs = [metric for metric in with_values if metric.of == "pair"]
    page = {
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "style": Markup((HERE / "page.css").read_text(encoding="utf-8")),
        "table": table.to_dict("records"),
        "table_metrics": of_pairs,
        "columns": sections.columns(of_pairs),
        "without_values": len(METRICS) - len(with_values),
        "systems": colour,
        "baselines": baselines,
        "tiles": sections.tiles(summary, best, table, colour),
        "fewest_clips": FEWEST_CLIPS,
        "summaries": sections.summaries(summary, papers, best),
        "papers": papers,
        "bars": bars,
        "clip_plots": sections.clips(table, colour),
        "players": shown,
        "hidden_players": hidden,
        "opening_span": OPENING_SPAN,
        "fps": FPS,
        "left_out": sections.left_out(records, summary),
        "unusable": [verdict for verdict in verdicts if not verdict["usable"]],
        "clips": len(verdicts),
        "metrics": METRICS,
        "families": sections.FAMILIES,
        "stages": provenance.stages(benchmarks),
        "settings": provenance.settings(records),
        "versions": provenance.versions(records),
        "trainings": provenance.trainings(presets or {}, weights),
        "cautions": cautions,
        "weights": provenance.weights(weights, records, encoders or {}),
        "ground_truth": GROUND_TRUTH,
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = sections.number
    html = environment.get_template("page.html.j2").render(page)
    return Page(html, [(f"{plot['metric'].name}_{plot['kind']}", str(plot["svg"])) for plot in bars])
