"""Weights of networks that measure, from a local web server or by hand: whatever happens, there is a record."""

import hashlib
import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from metrics.weights import retries
from models.checkpoints import PublishedFile, read_weights, sha256
from models.perception import checkpoints
from models.perception.lpips import LPIPS
from toolkit import downloads
from toolkit.files import read_json, write_json
from workflow_scripts.fetch_metric_weights import fetch_metric_weights

NETWORK, NAME = "lpips_alex", "alexnet.pth"


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    """The published trunk, as torchvision has it."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("source") / NAME
    tensors = {name: value for name, value in LPIPS().state_dict().items() if name.startswith("features.")}
    torch.save(tensors, path)
    return path.read_bytes()


@pytest.fixture
def publish(monkeypatch):
    def make(folder: str, digest: str | None = None) -> None:
        monkeypatch.setitem(checkpoints.PUBLISHED, NETWORK, PublishedFile(folder, (NAME,), digest, licence="free"))

    return make


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    """Runs the stage and gives its record."""
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(downloads, "PIECE", 1000)
    record = tmp_path / f"results/weights/perception/{NETWORK}.json"

    def run(download: bool = True) -> dict:
        again, folder = retries([record]), tmp_path / "weights/perception"
        fetch_metric_weights(record, network=NETWORK, folder=folder, download=download, retries=again)
        found = read_json(record)
        assert bool(load_file(record.with_suffix(".safetensors"))) == found["available"]
        assert found["network"] == NETWORK
        return found

    return run


def weights(tmp_path: Path) -> Path:
    return tmp_path / f"results/weights/perception/{NETWORK}.safetensors"


def place(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "weights/perception" / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_fetched_checked_and_converted(server, content, publish, fetch, tmp_path):
    server.files[NAME] = content
    digest = hashlib.sha256(content).hexdigest()
    publish(server.address, digest)
    assert fetch() == {
        "network": NETWORK, "available": True, "origin": f"{server.address}/{NAME}", "origin_sha256": digest,
        "licence": "free", "sha256": sha256(weights(tmp_path)), "retries": 0,
    }  # fmt: skip
    torch.manual_seed(0)
    assert torch.equal(read_weights(weights(tmp_path))["features.0.weight"], LPIPS().features[0].weight)


def test_interrupted_and_gone_on_with(server, content, publish, fetch, tmp_path):
    server.files[NAME] = content
    server.breaks, server.break_after = 2, 1_000_000
    publish(server.address, hashlib.sha256(content).hexdigest())
    assert fetch()["available"]
    assert [wanted for _, wanted in server.requests] == [None, "bytes=1000000-", "bytes=2000000-"]
    assert not list(weights(tmp_path).parent.glob("*.part*"))


def test_the_next_run_goes_on_where_the_last_gave_up(server, content, publish, fetch, monkeypatch):
    monkeypatch.setattr(downloads, "ATTEMPTS", 2)
    server.files[NAME] = content
    server.breaks, server.break_after = 2, 1_000_000
    publish(server.address)
    first = fetch()
    assert not first["available"]
    assert "cannot be fetched" in first["reason"]
    assert fetch()["available"]
    assert server.requests[-1] == (NAME, "bytes=2000000-")


def test_wrong_checksum(server, content, publish, fetch, tmp_path):
    server.files[NAME] = content[:-1] + b"x"
    publish(server.address, hashlib.sha256(content).hexdigest())
    record = fetch()
    assert record.keys() == {"network", "available", "reason", "retries", "sha256"}  # it is not asked for again
    assert "is not the published file" in record["reason"]
    assert str(tmp_path / "weights/perception" / NAME) in record["reason"]
    assert sorted(path.name for path in weights(tmp_path).parent.iterdir()) == [
        f"{NETWORK}.json",
        f"{NETWORK}.safetensors",
    ]


def test_not_found(server, publish, fetch, tmp_path):
    publish(server.address)
    reason = fetch()["reason"]
    assert "the server says 404" in reason
    assert str(tmp_path / "weights/perception" / NAME) in reason
    assert "\n" not in reason


def test_no_network(publish, fetch, tmp_path):
    publish("http://127.0.0.1:1/weights")  # a closed port
    record = fetch()
    assert "ConnectionError" in record["reason"]
    assert str(tmp_path / "weights/perception" / NAME) in record["reason"]
    assert record["unreached"] == f"http://127.0.0.1:1/weights/{NAME}"


def test_the_next_plan_differs_only_where_the_network_has_come_back(server, content, publish, fetch, tmp_path):
    """What the rule's parameter is, before a run and after it."""
    record = tmp_path / f"results/weights/perception/{NETWORK}.json"
    publish("http://127.0.0.1:1/weights")
    assert retries([record]) == 0
    fetch()
    assert retries([record]) == 0, "it would be in vain"
    write_json(record, read_json(record) | {"unreached": f"{server.address}/{NAME}"})
    assert retries([record]) == 1, "the server answers, if only that it knows no HEAD"
    fetch()
    assert retries([record]) == 1, "in vain once more"
    server.files[NAME] = content
    write_json(record, read_json(record) | {"unreached": f"{server.address}/{NAME}"})
    assert retries([record]) == 2
    publish(server.address)
    assert fetch()["available"]
    assert retries([record]) == 2, "nothing is left to ask for"


def test_web_page_in_place_of_the_file(server, content, publish, fetch):
    server.files[NAME] = b"<html>Please log in</html>"
    publish(server.address)
    assert "cannot be read as a checkpoint" in fetch()["reason"]
    server.files[NAME] = content
    assert fetch()["available"], "the next run asks again"


def test_nobody_is_asked_where_downloading_is_off(server, content, publish, fetch, tmp_path, caplog):
    server.files[NAME] = content
    publish(server.address)
    assert "downloading is off" in fetch(download=False)["reason"]
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not warnings, "nobody has asked for it, so there is nothing to warn of"
    assert server.requests == []
    place(tmp_path, content)
    assert fetch(download=False)["origin"] == str(tmp_path / "weights/perception" / NAME)


def test_placed_by_hand_with_wrong_checksum(content, publish, fetch, tmp_path, caplog):
    path = place(tmp_path, content)
    publish("http://127.0.0.1:1/weights", "0" * 64)
    record = fetch()
    assert f"{path}: has the SHA-256 {hashlib.sha256(content).hexdigest()}" in record["reason"]
    assert record["reason"] in caplog.text
    assert path.read_bytes() == content, "the user's file is left alone"


def test_placed_by_hand_with_wrong_content(publish, fetch, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(3)}, path)
    place(tmp_path, path.read_bytes())
    publish("http://127.0.0.1:1/weights")
    assert "does not fit the network" in fetch(download=False)["reason"]


def test_what_was_there_and_is_not_any_more(content, publish, fetch, tmp_path):
    publish("http://127.0.0.1:1/weights")
    path = place(tmp_path, content)
    assert fetch(download=False)["available"]
    path.unlink()
    assert not fetch(download=False)["available"]  # and `fetch` has seen the weights go
