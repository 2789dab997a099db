"""The report of a small real folder, read as a browser reads it, and in a browser where there is one."""

import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from metrics.registry import METRICS
from metrics.report.sections import number
from toolkit.files import read_json, write_json, write_text
from workflow_scripts.build_report import build_report
from workflow_scripts.collect_scores import collect_scores

FRAMES = 36  # of the small folder's videos
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
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


@pytest.fixture(scope="module")
def report(results, tmp_path_factory):
    """The report's path, for all players."""
    folder = tmp_path_factory.mktemp("report")
    tables = [str(folder / "metrics.csv"), str(folder / "summary.csv")]
    collect_scores(results.scores, *tables)
    verdicts = []
    for clip, problem in (("good", None), ("bad", "no <u>face</u> in 80 % of its frames")):
        verdict = {
            "clip": clip,
            "video": f"{clip}.mov",
            "usable": problem is None,
            "problem": problem,
            "remedy": "Cut it",
        }
        verdicts.append(folder / f"{clip}.json")
        write_json(verdicts[-1], verdict)
    header = "s\th:m:s\tmax_rss\tmax_vms\n"
    write_text(folder / "benchmarks/score_pair/still/a--a.tsv", header + "2.5\t0:00:02\t300.5\t-\n")
    write_text(folder / "benchmarks/score_pair/still/b--b.tsv", header + "3.5\t0:00:03\t-\t-\n")
    write_text(folder / "benchmarks/collect_scores.tsv", header + "0.5\t0:00:00\t-\t-\n")
    path = folder / "report.html"
    benchmarks = str(folder / "benchmarks")
    build_report(
        *tables, results.scores, verdicts, str(path), str(folder / "plots"), videos=results.videos, benchmarks=benchmarks
    )
    return path


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
    assert "<script>alert(1)</script>" in page.text  # as letters
    assert "no <i>reference</i>" in page.text
    assert "no <u>face</u> in 80 % of its frames" in page.text
    assert not page.all("i")
    assert not page.all("u")
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


def test_each_pair_has_its_players_and_the_track_of_its_mouth(page, results):
    assert len(page.all("video")) == len(results.videos)
    assert all(video["src"].startswith("data:video/mp4;base64,AAAA") for video in page.all("video"))
    assert len([a for a in page.all("div") if a.get("class") == "player"]) == 4
    assert len([a for a in page.all("svg") if a["aria-label"].startswith("Opening of the mouth")]) == 4


def test_tables_and_plots_speak_to_screen_readers(page):
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("scope" in heading for heading in page.all("th"))
    assert all(svg.get("role") == "img" and svg["aria-label"] for svg in page.all("svg"))
    assert all(video["aria-label"] for video in page.all("video"))
    identities = [attributes["id"] for name, attributes in page.elements if "id" in attributes and name == "section"]
    assert len(set(identities)) == len(identities)


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
    assert len([a for a in page.all("div") if a.get("class") == "player"]) == 1
    assert "3 more pairs are not shown" in page.text


def test_a_report_of_nothing_says_so(tmp_path):
    tables = [str(tmp_path / "metrics.csv"), str(tmp_path / "summary.csv")]
    collect_scores([], *tables)
    build_report(*tables, [], [], str(tmp_path / "report.html"), str(tmp_path / "plots"), videos=[])
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "No metric could be computed." in page.text
    assert "No videos were given to this report." in page.text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, "0.123"), (28.456, "28.5"), (0.0123, "0.012"), (1234.5, "1234"), (0, "0"), (-0.5, "-0.5"), (None, "")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


# In a browser

DRIVE = """
<script>
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
window.addEventListener("load", async () => {
  const facts = {};
  try {
    const player = document.querySelector(".player"), videos = [...player.querySelectorAll("video")];
    for (let i = 0; i < 100 && videos.some((video) => video.readyState < 2); i++) await wait(50);
    player.scrollIntoView();
    const output = player.querySelector("output");
    const key = (name) => player.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
    facts.durations = videos.map((video) => video.duration);
    facts.start = output.textContent;
    player.querySelector("[data-do=forward]").click();
    key("ArrowRight");
    facts.stepped = output.textContent;
    key("ArrowLeft");
    facts.back = output.textContent;
    while (videos.some((video) => video.seeking)) await wait(20);
    facts.times = videos.map((video) => video.currentTime.toFixed(3));
    key("ArrowRight");
    key("ArrowLeft");
    player.querySelector("[data-do=play]").click();
    await wait(900);
    facts.playing = videos.every((video) => !video.paused && video.currentTime > 0.2);
    facts.apart = Math.max(...videos.map((video) => Math.abs(video.currentTime - videos[0].currentTime)));
    key(" ");
    facts.paused = videos.every((video) => video.paused);
    facts.cursor = parseFloat(player.querySelector(".cursor").style.left) > 6;
    player.querySelector(".listen").click();
    facts.heard = videos.map((video) => !video.muted);
    const table = document.querySelector("#pairs table");
    const psnr = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.includes("PSNR"));
    const heading = table.tHead.rows[0].cells[psnr];
    const column = () => [...table.tBodies[0].rows].map((row) => row.cells[psnr].dataset.value);
    heading.querySelector("button").click();
    facts.descending = column();
    facts.sort = heading.getAttribute("aria-sort");
    heading.querySelector("button").click();
    facts.ascending = column();
    const slow = document.documentElement;
    facts.overflow = slow.scrollWidth - slow.clientWidth;
  } catch (error) {
    facts.error = String(error.stack);
  }
  fetch("http://127.0.0.1:PORT", { method: "POST", mode: "no-cors", body: JSON.stringify(facts) });
});
</script></body>"""


def browser(page, folder, *options):
    """The command that opens a page in Chromium, without a window and with no errand of its own in the network."""
    quiet = ("background-networking", "component-update", "sync", "quic", "gpu")
    return [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--no-first-run",
        *(f"--disable-{part}" for part in quiet),
        "--autoplay-policy=no-user-gesture-required",
        f"--user-data-dir={folder}",
        "--enable-logging=stderr",
        "--v=0",
        *options,
        page.as_uri(),
    ]


def facts_from(report, folder):
    """What the driving script finds out in the page, in real time, as it reports to a server of ours."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.facts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        server.timeout, server.facts = 60, None
        html = report.read_text(encoding="utf-8")
        html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)  # lets the driving script in
        driven = folder / "driven.html"
        write_text(driven, html.replace("</body>", DRIVE.replace("PORT", str(server.server_port))))
        command = browser(driven, folder / "profile", "--window-size=500,800", "--remote-debugging-port=0")
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            server.handle_request()
        finally:
            running.terminate()
            running.wait(30)
    return server.facts


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_players_and_tables_work_in_a_browser(report, tmp_path):
    facts = facts_from(report, tmp_path)
    assert facts, "the page did not answer"
    assert "error" not in facts, facts
    assert facts["durations"] == pytest.approx([FRAMES / 25] * 3)
    assert [facts["start"], facts["stepped"], facts["back"]] == [f"{n} / {FRAMES}" for n in (1, 3, 2)]
    assert set(facts["times"]) == {"0.060"}  # the middle of the second frame
    assert facts["playing"]
    assert facts["paused"]
    assert facts["apart"] < 0.08
    assert facts["cursor"]
    assert facts["heard"] == [True, False, False]
    known = sorted(float(value) for value in facts["ascending"] if value)
    assert [float(value) for value in facts["ascending"] if value] == known
    assert facts["descending"] == [*reversed(facts["ascending"][: len(known)]), *facts["ascending"][len(known) :]]
    assert facts["sort"] == "descending"
    assert facts["overflow"] == 0  # wide tables scroll by themselves, a phone's page does not


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_page_as_it_stands_logs_no_error(report, tmp_path):
    shot = f"--screenshot={tmp_path / 'page.png'}"
    command = browser(report, tmp_path / "profile", shot, "--window-size=1280,900")
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert (tmp_path / "page.png").stat().st_size > 20_000
    assert "CONSOLE" not in run.stderr
