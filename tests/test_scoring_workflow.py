"""The scoring's part of the workflow: what is redone when an option of it changes, and weights that could not be reached."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import yaml

from metrics.tables import read_summary
from tests.random_weights import random_network
from tests.running import configure, copied, planned, snakemake, talker
from toolkit.files import read_json, write_json

pytestmark = pytest.mark.slow

SETTINGS = {"clips": "clips.tsv", "systems": ["still"], "metrics": {"networks": ["i3d"], "download": True}}
TABLES = "results/metrics.csv"
SCORED = {"score_pairs": 2, "collect_scores": 1}  # a real clip and a held one
RECORD = "results/weights/perception/i3d.json"


@pytest.fixture(scope="module")
def finished(demo, tmp_path_factory):
    """A copy of the demo, scored anew for one clip without a network, which stays away."""
    folder = copied(demo, tmp_path_factory.mktemp("scoring") / "copy")
    configure(folder, SETTINGS, [talker("plain_planets", "test"), talker("plain_balloons", "train")])
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.setenv(name, "http://127.0.0.1:1")  # a closed port
        patch.setenv("no_proxy", "127.0.0.1")
        run(folder)
        yield folder


def run(folder: Path) -> None:
    output = snakemake(folder, TABLES)
    assert output.returncode == 0, output.stderr[-4000:]


@pytest.fixture
def server():
    """The address of a server that answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"http://127.0.0.1:{running.server_port}/i3d.pt"
        running.shutdown()


def test_what_could_not_be_reached_is_not_asked_for_again_while_nobody_answers(finished):
    assert read_json(finished / RECORD)["unreached"].startswith("https://")
    assert planned(finished, TABLES) == {}


def test_the_summary_says_why_there_is_no_fvd(finished):
    rows = read_summary(finished / "results/summary.csv").set_index(["system", "kind", "metric"])
    assert "cannot be fetched" in rows.loc[("still", "self", "fvd"), "reason"]
    assert rows.loc[("still", "self", "psnr"), "reason"] == ""


def test_the_windows_of_fvd_redo_the_scores_alone(finished, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump({"metrics": {"fvd_window": None}}))
    assert planned(finished, TABLES, "--configfile", str(changed)) == SCORED


def test_what_could_not_be_reached_is_asked_for_again_once_somebody_answers(finished, server):
    record = read_json(finished / RECORD)
    write_json(finished / RECORD, record | {"unreached": server})
    assert planned(finished, TABLES) == {"fetch_metric_weights": 1, **SCORED}
    run(finished)
    assert read_json(finished / RECORD) == record | {"retries": 1}  # in vain again: its true address is elsewhere
    assert planned(finished, TABLES) == {}


def test_once_the_weights_are_there_nothing_is_asked_for_any_more(finished):
    """Placed by hand where a download would put them; the values are a random network's."""
    placed = finished / "weights/perception/i3d_pretrained_400.pt"
    placed.parent.mkdir(parents=True)
    torch.save(random_network("i3d").state_dict(), placed)
    run(finished)
    assert read_json(finished / RECORD)["available"]
    fvd = read_summary(finished / "results/summary.csv").set_index(["system", "kind", "metric"]).xs("fvd", level=2)
    assert (fvd.loc[("still", "self"), "mean"] > 0, fvd.loc[("still", "self"), "reason"]) == (True, "")
    assert "which these are" in fvd.loc[("ground_truth", "self"), "reason"]
    assert fvd.loc[("still", "self"), "frames"] % 16 == 0
    assert planned(finished, TABLES) == {}
