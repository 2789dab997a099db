"""The report's plots as inline SVG that takes its text colour and font from the page, light or dark."""

import io
import re
from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from toolkit.timing import FPS

INK = "#010203"
"""Stands for the page's text colour until the SVG is written."""
PALETTE = ("#7a8794", "#c2923a", "#3b82d6", "#e0663a", "#2aa287", "#b45fb8", "#d6476b", "#6d8f2d")
OPENING_SPAN = (0.055, 0.995)
"""Where an opening plot's time axis begins and ends, as shares of its width: the players draw their cursor there."""


def colours(systems: list[str]) -> dict[str, str]:
    """A colour for each system, the same in every plot."""
    return {system: PALETTE[place % len(PALETTE)] for place, system in enumerate(systems)}


def metric_bars(means: pd.DataFrame, values: pd.DataFrame, colour: Mapping[str, str], title: str) -> Markup:
    """A bar per system with its mean, whiskers of one standard deviation, and a dot per pair.

    `means` has columns system, mean, std of one metric and kind; `values` has system and value of each pair.
    """
    figure, axes = _figure(4.4, 0.34 * len(means) + 0.42)
    places = np.arange(len(means))[::-1]
    place_of = dict(zip(means["system"], places, strict=True))
    axes.barh(places, means["mean"], 0.62, color=[colour[system] for system in means["system"]], alpha=0.85)
    axes.errorbar(means["mean"], places, xerr=means["std"].fillna(0), fmt="none", ecolor=INK, elinewidth=1, capsize=3)
    axes.plot(values["value"], [place_of[s] for s in values["system"]], ".", color=INK, alpha=0.45, markersize=4)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(places, means["system"])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    figure.subplots_adjust(left=0.27, right=0.97, top=0.97, bottom=0.3 / figure.get_figheight())
    return _svg(figure, title)


def opening_plot(tracks: Mapping[str, list[float]], colour: Mapping[str, str], title: str) -> tuple[Markup, int]:
    """The mouth's opening over time, a line per track; returns the SVG and the frames that its time axis spans.

    Tracks without a colour of their own (what was measured in the source clips) are drawn in the text's colour: the
    first solid and thick, further ones dotted.
    """
    figure, axes = _figure(9.0, 2.1)
    frames = max(len(track) for track in tracks.values())
    styles = iter([("-", 2.4, 0.55), (":", 1.4, 0.8)])
    for name, track in tracks.items():
        style, width, alpha = ("-", 1.4, 1.0) if name in colour else next(styles)
        times = np.arange(len(track)) / FPS
        axes.plot(times, track, style, color=colour.get(name, INK), linewidth=width, alpha=alpha, label=name)
    axes.set_xlim(0, frames / FPS)
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, labelcolor=INK, borderaxespad=0.1)
    axes.annotate("s", (1, 0), (-2, 3), "axes fraction", textcoords="offset points", ha="right", color=INK)
    left, right = OPENING_SPAN
    figure.subplots_adjust(left=left, right=right, top=1 - 0.22 * -(-len(tracks) // 4) / 2.1, bottom=0.13)
    return _svg(figure, title), frames


def _figure(width: float, height: float) -> tuple[Figure, matplotlib.axes.Axes]:
    figure = Figure(figsize=(width, height))
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.8)
    axes.tick_params(colors=INK, labelsize=9, length=3)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure, title: str) -> Markup:
    buffer = io.StringIO()
    # Names are text as they stand: letters stay letters (searchable, in the page's font) and "$" starts no formula.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "talkflow", "text.parse_math": False}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # one page holds many plots, and an id may stand once
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    label = Markup('<svg role="img" aria-label="{}" ').format(title)
    return Markup(svg.replace("<svg ", label, 1))
