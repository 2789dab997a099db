"""ArcFace's graph from a zip on a local web server, or by hand, alone or in a zip: its own digest decides."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from models.checkpoints import PublishedFile
from models.perception import checkpoints
from models.perception.arcface import embed, load
from tests.small_graph import graph
from toolkit.files import read_json
from workflow_scripts.fetch_metric_weights import fetch_metric_weights

ZIP, ONNX = "buffalo_l.zip", "w600k_r50.onnx"


def zipped(member: str = f"buffalo_l/{ONNX}") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("buffalo_l/genderage.onnx", b"another network")
        made.writestr(member, graph())
    return file.getvalue()


@pytest.fixture
def fetch(tmp_path, monkeypatch, server):
    """Runs the stage, to which the small graph is the published one, and gives its record and its weights' path."""
    monkeypatch.setitem(checkpoints._MEMBERS, ONNX, hashlib.sha256(graph()).hexdigest())
    published = PublishedFile(server.address, (ZIP, ONNX), licence="research only")
    monkeypatch.setitem(checkpoints.PUBLISHED, "arcface", published)
    record = tmp_path / "results/weights/perception/arcface.json"

    def run(download: bool = False) -> tuple[dict, Path]:
        fetch_metric_weights(record, network="arcface", folder=tmp_path / "weights/perception", download=download)
        found, weights = read_json(record), record.with_suffix(".safetensors")
        assert bool(load_file(weights)) == found["available"]
        return found, weights

    return run


def place(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / "weights/perception" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def answers(weights: Path) -> bool:
    points = np.random.default_rng(0).uniform(50, 200, (68, 2))
    return embed(load(weights), np.full((256, 256, 3), 200, np.uint8), points).shape == (512,)


def test_the_zip_is_fetched(server, fetch):
    server.files[ZIP] = zipped()
    record, weights = fetch(download=True)
    assert answers(weights)
    assert (record["origin"], record["licence"]) == (f"{server.address}/{ZIP}", "research only")
    assert record["origin_sha256"] == hashlib.sha256(server.files[ZIP]).hexdigest()
    assert server.requests == [(ZIP, None)]
    fetch(download=True)
    assert len(server.requests) == 1, "it lies here now"


@pytest.mark.parametrize(("name", "content"), [(ONNX, graph()), (ZIP, zipped()), ("mine.zip", zipped(ONNX))])
def test_placed_by_hand(name, content, fetch, server, tmp_path):
    path = place(tmp_path, name, content)
    record, weights = fetch()
    assert answers(weights)
    assert record["origin"].startswith(str(path))
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (ONNX, graph()[:-1], "SHA-256"),
        (ZIP, zipped(f"buffalo_l/other_{ONNX}"), f"holds no {ONNX}"),
        (ZIP, zipped()[:-100], "cannot be unpacked"),
        (ZIP, b"<html>Please log in</html>", "cannot be unpacked"),
    ],
)
def test_another_file(name, content, problem, fetch, server, tmp_path):
    place(tmp_path, name, content)
    assert problem in fetch()[0]["reason"]
    (tmp_path / "weights/perception" / name).unlink()
    server.files[name] = content
    assert problem in fetch(download=True)[0]["reason"]
    server.files[name] = zipped() if name == ZIP else graph()
    assert answers(fetch(download=True)[1]), "the next run asks again"


def test_not_here(fetch, server, tmp_path):
    reason = fetch()[0]["reason"]
    assert "downloading is off" in reason
    assert str(tmp_path / "weights/perception" / ONNX) in reason
    assert server.requests == []
    assert "404" in fetch(download=True)[0]["reason"]
