"""The report of a small real folder, read as a browser reads it."""

import math
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from metrics.registry import BY_NAME, METRICS
from metrics.report import provenance, sections
from metrics.report.plots import colours
from metrics.report.sections import FAMILIES, family, left_out, loudness, number
from metrics.tables import OF_PAIRS, read_metrics, read_summary
from tests.metrics.conftest import HOSTILE, SYSTEMS
from toolkit.files import read_json, write_json
from workflow_scripts.build_report import build_report
from workflow_scripts.collect_scores import collect_scores

VOID = {"meta", "link", "input", "br", "path", "use"}


class Page(HTMLParser):
    """Elements with their attributes, and the text outside script and style."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self._inside, self.unclosed = [], "", [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._inside.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            opened = self._inside.pop()
            if opened != tag:
                self.unclosed.append((opened, tag))

    def handle_data(self, data):
        if self._inside[-1:] not in (["script"], ["style"]):
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def players(page):
    return [a for a in page.all("div") if a.get("class", "").startswith("player")]


@pytest.fixture(scope="module")
def page(report):
    return Page(report.read_text(encoding="utf-8"))


def test_the_page_is_whole_and_asks_for_nothing_outside_itself(page):
    assert page.unclosed == []
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:")), attributes
    assert len(page.all("script")) == 1


def test_names_cannot_inject_markup(page, report):
    assert HOSTILE in page.text  # as letters
    assert HOSTILE in page.all("video")[0]["aria-label"]
    assert "no <i>reference</i>" in page.text
    assert "no <u>face</u> in 80 % of its frames" in page.text
    for text in ("https://example.org/<em>.pt", "CC <u>BY</u>", "other <s>clips</s>", "a <q>note</q>"):
        assert text in page.text
    assert not {"i", "u", "em", "s", "q"} & {name for name, _ in page.elements}
    assert "$clip_b$" in page.text  # a dollar sign starts no formula in a plot
    policy = page.all("meta")[1]["content"]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/]{43}='", policy)


def test_every_metric_is_defined_and_every_value_shown(page, results):
    for metric in METRICS:
        assert metric.definition in page.text
        assert metric.source in page.text
    assert "the mouth does not move" in page.text  # the still system's correlation
    shown = [float(a["data-value"]) for a in page.all("td") if a.get("data-value")]
    for path in results.scores:
        for value in read_json(path)["metrics"].values():
            assert any(math.isclose(value, cell, rel_tol=1e-5, abs_tol=1e-5) for cell in shown)
    assert [a["data-value"] for a in page.all("td")[-8:]] == ["1", "0.5", "0.5", "", "2", "6.0", "3.0", "300.5"]


def test_what_papers_report_is_marked_and_explained(page):
    marked = [attributes for name, attributes in page.elements if attributes.get("class") == "paper"]
    links = [attributes for attributes in marked if "href" in attributes]
    assert [link["href"] for link in links] == [
        "#paper-1",
        "#paper-2",
    ]  # of NIQE and LSE-C nothing was computed beside it
    assert links[0]["title"] == "other <s>clips</s>; Held (nowhere), Table 9. a <q>note</q>"
    rows = [a["id"] for a in page.all("tr") if a.get("id", "").startswith("paper-")]
    assert rows == [f"paper-{n}" for n in range(1, len(rows) + 1)]
    assert len(rows) == 4
    assert len(marked) == 1 + len(links) + len(rows)  # the word itself, cells, rows
    assert "paper 28.18" in page.text
    assert "more clips; Held (nowhere), Table 10" in page.text


def test_means_have_their_intervals(page, report):
    summary = read_summary(report.parent / "summary.csv").set_index(["system", "kind", "metric"])
    row = summary.loc["<b>bold</b>", "self", "ssim"]
    assert row["low"] <= row["mean"] <= row["high"]
    assert f"{number(row['low'])} to {number(row['high'])}" in page.text


def test_the_weights_are_listed_with_their_licences(page):
    for text in (
        "made_up, net",
        "trained here: preset debug, 12 steps on 2 clips, seed 3",
        "made_up, other",
        "somebody/hubert",
        "ab" * 32,
    ):
        assert text in page.text


def test_each_stage_says_how_it_was_trained(page):
    rows = provenance.trainings(
        {"one": ("small", "trained"), "two": ("published", "published"), "three": ("small", "my/folder")},
        [
            {"system": "one", "stage": "a", "preset": "debug", "steps": 12, "clips": ["x", "y"], "synthetic_clips": 1},
            {"system": "two", "stage": "b", "origin": "https://example.org/b.pt"},
            {"system": "another", "stage": "c", "origin": "elsewhere"},
        ],
    )
    names = ("system", "stage", "preset", "weights", "steps", "clips", "synthetic")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("one", "a", "debug", "trained here", 12, ["x", "y"], 1),
        ("two", "b", "published", "https://example.org/b.pt", None, None, 0),
        ("three", "all", "small", "my/folder", None, None, 0),
    ]
    for text in ("2, 1 of them synthetic talkers", "not recorded", "my/<kbd>folder</kbd>"):
        assert text in page.text


def test_weights_of_a_demonstration_are_said_to_be_so_once_and_first(page):
    assert page.text.count("made_up: its weights") == 1
    assert "net on 1 of 2 clips" in page.text
    assert page.text.index("made_up: its weights") < page.text.index("Side by side")
    assert len([a for a in page.all("p") if a.get("class") == "caution"]) == 1  # none of `bare`, which has no record


def test_measuring_networks_and_detectors_have_licences_too():
    records = [
        {"settings": {"detector": "dlib"}, "weights": {"eye": {"origin": "a.pt", "sha256": "1", "licence": "MIT"}}},
        {"settings": {"detector": "face_alignment"}, "weights": {"eye": {"origin": "a.pt", "sha256": "1"}}},
    ]
    rows = {row["name"]: row for row in provenance.weights([], records, {})}
    assert list(rows) == ["eye", "dlib", "face_alignment"]
    assert rows["eye"]["licence"] == "not stated"  # the last record speaks
    assert "300-W" in rows["dlib"]["licence"]


def test_settings_that_differ_are_all_told():
    records = [{"settings": {"view": view, "opening": f"{n}.json", "psnr": "x"}} for n, view in enumerate("aabbaa")]
    found = provenance.settings(records)
    assert found == {"view": "a · b", "opening": "6 different ones"}


def test_reasons_that_differ_in_a_number_are_one():
    names = {"system": "s", "pair": "a--a"}
    records = [names | {"left_out": {"psnr": f"infinite: all {n} frames"}} for n in (5, 6)]
    records.append(names | {"pair": "b--b", "left_out": {"lpips": "no file 1.4.pth", "psnr": "infinite: all 5 frames"}})
    summary = pd.DataFrame([{"system": "s", "kind": "self", "metric": "fvd", "reason": "needs two"}])
    assert left_out(records, summary) == [
        {"reason": "infinite: all … frames", "metrics": ["PSNR"], "samples": ["s: a--a", "s: b--b"]},
        {"reason": "no file 1.4.pth", "metrics": ["LPIPS"], "samples": ["s: b--b"]},
        {"reason": "needs two", "metrics": ["FVD"], "samples": ["s: own speech"]},
    ]


def test_every_metric_belongs_to_a_family():
    expected = ("csim", "f_lmd", "fid", "mouth_correlation", "niqe")
    assert tuple(family(BY_NAME[name]) for name in expected) == FAMILIES
    assert family(BY_NAME["lse_c"]) == family(BY_NAME["wer"]) == FAMILIES[3]


def test_every_plot_is_a_file_of_its_own(page, report):
    files = sorted((report.parent / "plots").glob("*.svg"))
    bars = [a for a in page.all("svg") if "mean and interval per system" in a["aria-label"]]
    assert len(files) == len(bars)
    assert {"psnr_self.svg", "mouth_correlation_crossed.svg"} <= {path.name for path in files}
    for path in files:
        picture = ElementTree.parse(path).getroot()
        assert picture.tag == "{http://www.w3.org/2000/svg}svg"
        assert picture.attrib.keys() >= {"width", "height"}  # Snakemake's report shows nothing of one without a size


def test_the_clip_by_clip_plots_show_every_pair(page, report):
    table = read_metrics(report.parent / "metrics.csv")
    several = [
        BY_NAME[name].title
        for name, (_, rows) in product(OF_PAIRS, table.groupby("kind"))
        if rows.loc[rows[name].notna(), "pair"].nunique() > 1
    ]
    plots = [a["aria-label"] for a in page.all("svg") if a["aria-label"].endswith(": every pair")]
    assert sorted(label.rsplit(", ", 1)[0] for label in plots) == sorted(several)
    assert "PSNR, own speech: every pair" in plots


def test_loudness_is_one_value_a_frame(tmp_path):
    samples = np.repeat([0.0, 0.5, 0.25], 640).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="PCM_16")
    assert loudness(tmp_path / "a.wav") == pytest.approx([0, 0.5, 0.25], abs=1e-4)


def test_loudness_stands_behind_the_opening_where_the_sound_is_known(page):
    assert page.text.count("loudness of the speech") == 2  # of the two pairs with that clip's speech


def test_each_pair_has_its_players_and_the_track_of_its_mouth(page, results):
    assert len(page.all("video")) == len(results.videos)
    assert all(video["src"].startswith("data:video/mp4;base64,AAAA") for video in page.all("video"))
    assert len(page.all("video")) == 3 + 2 + 3 + 2  # the truth speaks with its own speech alone
    assert len(players(page)) == 4
    assert len([a for a in page.all("svg") if a["aria-label"].startswith("Opening of the mouth")]) == 4


def test_tables_and_plots_speak_to_screen_readers(page):
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("scope" in heading for heading in page.all("th"))
    assert all(svg.get("role") == "img" and svg["aria-label"] for svg in page.all("svg"))
    assert all(video["aria-label"] for video in page.all("video"))
    identities = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(identities)) == len(identities)
    named = {attributes["aria-labelledby"] for attributes in page.all("section")}
    assert named <= set(identities)
    links = {attributes["href"][1:] for attributes in page.all("a")}
    assert links <= set(identities)


def test_only_so_many_players_are_shown(results, report, tmp_path):
    folder = report.parent
    build_report(
        str(folder / "metrics.csv"),
        str(folder / "summary.csv"),
        results.scores,
        [],
        str(tmp_path / "report.html"),
        str(tmp_path / "plots"),
        videos=results.videos,
        max_players=1,
    )
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(players(page)) == 1
    assert "3 more pairs are not shown" in page.text


def test_a_pair_whose_videos_do_not_fit_is_not_shown(results, monkeypatch):
    records = [read_json(path) for path in results.scores]
    first = sum(Path(video["path"]).stat().st_size for video in results.videos if video["pair"] == records[0]["pair"])
    monkeypatch.setattr(sections, "MOST_VIDEO", first)
    shown, hidden = sections.players(results.videos, records, {}, colours(SYSTEMS, ()), 6)
    assert [player["title"] for player in shown] == [f"{records[0]['video']} with its own speech"]
    assert hidden == 3


def test_a_report_of_nothing_says_so(tmp_path):
    tables = [str(tmp_path / "metrics.csv"), str(tmp_path / "summary.csv")]
    collect_scores([], *tables)
    build_report(*tables, [], [], str(tmp_path / "report.html"), str(tmp_path / "plots"), videos=[])
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "No metric could be computed." in page.text
    assert "There is no video to show." in page.text


def test_clips_that_cannot_be_used_are_listed_and_those_with_bad_embeddings_too(tmp_path):
    tables = [str(tmp_path / "metrics.csv"), str(tmp_path / "summary.csv")]
    collect_scores([], *tables)
    wrong = {"bob": {"problem": "bob.npy: holds 3 rows", "remedy": "Embed it again"}}
    write_json(tmp_path / "embeddings.json", wrong)
    verdicts = [tmp_path / f"{clip}.json" for clip in ("ann", "bob", "eve")]
    for path in verdicts:
        about = {"clip": path.stem, "video": f"{path.stem}.mp4", "usable": path.stem != "eve"}
        write_json(path, about | {"problem": "has no face", "remedy": "Show one"})
    made = str(tmp_path / "report.html"), str(tmp_path / "plots")
    build_report(*tables, [], verdicts, *made, videos=[], speech=[tmp_path / "embeddings.json"])
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "1 of 3 clips could be used" in page.text
    for text in ("bob.npy: holds 3 rows", "Embed it again", "has no face", "Show one"):
        assert page.text.count(text) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234, "0.123"),
        (28.456, "28.5"),
        (23.0, "23.0"),
        (123.4, "123"),
        (1234.5, "1234"),
        (0.0123, "0.012"),
        (-0.0001, "0.000"),
        (-0.5, "-0.500"),
        (0, "0"),
        (None, ""),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text
