"""The report: one HTML file that needs no network, no server and no second file."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from metrics.registry import BY_NAME, METRICS
from metrics.report import sections
from metrics.report.plots import OPENING_SPAN, colours
from toolkit.timing import FPS

HERE = Path(__file__).parent


def render(
    table: pd.DataFrame,
    summary: pd.DataFrame,
    records: Sequence[dict],
    videos: Sequence[dict],
    verdicts: Sequence[dict] = (),
    benchmarks: Path | None = None,
    *,
    max_players: int = 6,
) -> str:
    """The page's text.

    `table` and `summary` are those of `metrics.tables`, `records` the scores they were made of; `videos` have `pair`,
    `system` and `path`, in the order of their players; `verdicts` are those of all inspected clips; `benchmarks` is a
    folder of Snakemake's benchmark files.
    Every name passes through Jinja's autoescape, and the page allows no script but its own (by its hash).
    """
    script = (HERE / "page.js").read_text(encoding="utf-8")
    colour = colours(list(table["system"].unique()))
    shown, hidden = sections.players(videos, records, colour, max_players)
    page = {
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "style": Markup((HERE / "page.css").read_text(encoding="utf-8")),
        "table": table.to_dict("records"),
        "table_metrics": [metric for metric in METRICS if table[metric.name].notna().any()],
        "systems": colour,
        "tiles": sections.tiles(summary),
        "summaries": sections.summaries(summary),
        "bars": sections.bars(summary, table, colour),
        "players": shown,
        "hidden_players": hidden,
        "opening_span": OPENING_SPAN,
        "fps": FPS,
        "left_out": sections.left_out(records),
        "unusable": [verdict for verdict in verdicts if not verdict["usable"]],
        "clips": len(verdicts),
        "metrics": METRICS,
        "stages": sections.stages(benchmarks),
        "settings": records[0]["settings"] if records else {},
        "versions": records[0]["versions"] if records else {},
        "by_name": BY_NAME,
        "ground_truth": sections.GROUND_TRUTH,
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = sections.number
    return environment.get_template("page.html.j2").render(page)
