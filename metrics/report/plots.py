"""The report's plots as inline SVG that takes its text colour and font from the page, light or dark."""

import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import cycle

import matplotlib
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from toolkit.timing import FPS

INK = "#010203"
"""Stands for the page's text colour until the SVG is written."""
PALETTE = ("#3b82d6", "#e0663a", "#2aa287", "#b45fb8", "#d6476b", "#6d8f2d")
"""Each at least 3 : 1 from the page's light and its dark ground, as the greys of the baselines are."""
GREYS = ("#7a8794", "#9a8a6a")
OPENING_SPAN = (0.055, 0.995)
"""Where an opening plot's time axis begins and ends, as shares of its width: the players show their cursor there."""
LABELS = 8
"""Size of the letters in plots as wide as the page."""
MOST_NAMES, MOST_LETTERS = 60, 110
"""Of more pairs an axis says only how many there are; names of more letters together stand upright."""


def colours(systems: Iterable[str], baselines: Collection[str]) -> dict[str, str]:
    """A colour for each system, the same in every plot; greys for the baselines."""
    bright, grey = cycle(PALETTE), cycle(GREYS)
    return {system: next(grey if system in baselines else bright) for system in systems}


def metric_bars(
    means: pd.DataFrame,
    values: pd.DataFrame,
    papers: Sequence[tuple[str, float]],
    colour: Mapping[str, str],
    title: str,
    width: float = 4.4,
) -> Markup:
    """A bar per system with its mean, whiskers from low to high, a dot per pair, a diamond per figure of a paper.

    `means` has columns system, mean, low, high of one metric and kind; `values` has system and value of each pair;
    `papers` are systems with the values that their papers report; `width` is in inches.
    """
    figure, axes = _figure(width, 0.34 * len(means) + 0.42, 10.5)
    places = np.arange(len(means))[::-1]
    place_of = dict(zip(means["system"], places, strict=True))
    axes.barh(places, means["mean"], 0.62, color=[colour[system] for system in means["system"]], alpha=0.85)
    axes.hlines(places, means["low"], means["high"], color=INK, linewidth=1)
    for ends in (means["low"], means["high"]):
        axes.plot(ends, places, "|", color=INK, markersize=7)
    faint = min(0.45, 10 * len(means) / max(1, len(values)))  # many dots would hide the whiskers
    axes.plot(values["value"], [place_of[s] for s in values["system"]], ".", color=INK, alpha=faint, markersize=4)
    reported = [(value, place_of[system]) for system, value in papers if system in place_of]
    axes.plot(*np.reshape(reported, (-1, 2)).T, "D", color=INK, fillstyle="none", markersize=6)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(places, means["system"])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    figure.subplots_adjust(left=1.4 / width, right=0.97, top=0.97, bottom=0.3 / figure.get_figheight())
    return _svg(figure, title)


def clip_plot(values: pd.DataFrame, colour: Mapping[str, str], title: str) -> Markup:
    """Every pair's value, pairs along the axis in the order of `values` (columns system, pair, value), a mark per
    system."""
    place_of = {pair: place for place, pair in enumerate(values["pair"].unique())}
    names = [_short(" ← ".join(dict.fromkeys(pair.split("--")))) for pair in place_of]
    named = len(names) <= MOST_NAMES
    turned = named and sum(map(len, names)) > MOST_LETTERS
    below = 0.15 + 0.07 * max(map(len, names)) if turned else 0.3
    figure, axes = _figure(9.0, 1.9 + below, LABELS, grid="both")
    for mark, (system, rows) in zip(cycle("osD^vPX*"), values.groupby("system", sort=False), strict=False):
        axes.plot(rows["pair"].map(place_of), rows["value"], mark, color=colour[system], markersize=5, label=system)
    axes.set_xlim(-0.5, len(names) - 0.5)
    if named:
        axes.set_xticks(range(len(names)), names, rotation=90 if turned else 0)
    else:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(names)} pairs, in the order of the table", color=INK, fontsize=LABELS)
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
    _arrange(figure, axes, below)
    return _svg(figure, title)


def opening_plot(
    tracks: Mapping[str, list[float]], loudness: np.ndarray | None, colour: Mapping[str, str], title: str
) -> tuple[Markup, int]:
    """The mouth's opening over time, a line per track; returns the SVG and the frames that its time axis spans.

    Tracks without a colour of their own (what was measured in the source clips) are shown in the text's colour: the
    first solid and thick, further ones dotted. `loudness` (T,) of the speech is the shade behind them, on a scale of
    its own.
    """
    figure, axes = _figure(9.0, 2.1, LABELS)
    frames = max(len(track) for track in tracks.values())
    if loudness is not None and loudness.any():
        behind = axes.twinx()
        behind.set_zorder(-1)
        behind.set_axis_off()
        shade = behind.fill_between(np.arange(len(loudness)) / FPS, loudness, color=INK, alpha=0.13, linewidth=0)
        behind.set_ylim(0, loudness.max())
        axes.fill([], [], color=INK, alpha=shade.get_alpha(), label="loudness of the speech")
    styles = iter([("-", 2.4, 0.55), (":", 1.4, 0.8)])
    for name, track in tracks.items():
        style, width, alpha = ("-", 1.4, 1.0) if name in colour else next(styles)
        times = np.arange(len(track)) / FPS
        axes.plot(times, track, style, color=colour.get(name, INK), linewidth=width, alpha=alpha, label=name)
    axes.set_xlim(0, frames / FPS)
    axes.set_ylim(bottom=0)
    _arrange(figure, axes, 0.25)
    return _svg(figure, title), frames


def _short(text: str, most: int = 40) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _arrange(figure: Figure, axes: matplotlib.axes.Axes, below: float) -> None:
    """A legend above the axes in rows of five, `below` inches for what is under them."""
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.1}
    legend = axes.legend(ncols=5, frameon=False, labelcolor=INK, fontsize=LABELS, **place)
    above = 0.08 + 0.17 * -(-len(legend.get_texts()) // 5)
    left, right = OPENING_SPAN
    height = figure.get_figheight()
    figure.subplots_adjust(left=left, right=right, top=1 - above / height, bottom=below / height)


def _figure(width: float, height: float, labels: float, grid: str = "x") -> tuple[Figure, matplotlib.axes.Axes]:
    figure = Figure(figsize=(width, height))
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.grid(axis=grid, color=INK, alpha=0.12, linewidth=0.8)
    axes.tick_params(colors=INK, labelsize=labels, length=3)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure, title: str) -> Markup:
    buffer = io.StringIO()
    # Names are text as they stand: letters stay letters (searchable, in the page's font) and "$" starts no formula.
    # The title keeps the marks' ids apart: one page holds many plots, and an id may stand once.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "text.parse_math": False}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r'<g clip-path="[^"]*">(\s*<use [^>]*/>){2,}', _styled_once, svg)
    svg = re.sub(r"\n\s+", "\n", svg)
    label = Markup('<svg role="img" aria-label="{}" ').format(title)
    return Markup(svg.replace("<svg ", label, 1))


def _styled_once(marks: re.Match) -> str:
    """The marks of one series with their common style on the group: thousands of pairs are as many marks."""
    style = re.search(r' style="[^"]*"', marks[0])[0]
    return marks[0].replace(style, "").replace("<g", f"<g{style}", 1)
