"""Fetching from a local web server: success, resumption, and every way in which it fails."""

import hashlib
import re
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import torch

from models import registry
from models.checkpoints import PublishedFile, read_record, read_state_dict, read_weights, sha256
from models.system import System
from toolkit import downloads
from toolkit.errors import InputError
from workflow_scripts.fetch_weights import fetch_weights


@pytest.fixture
def content(tmp_path) -> bytes:
    """A published file: a table of tensors under a trainer's prefix."""
    torch.save({"state_dict": {"net.a": torch.arange(50_000.0)}}, tmp_path / "source.ckpt")
    return (tmp_path / "source.ckpt").read_bytes()


@pytest.fixture
def publish(monkeypatch):
    """Makes the package `models.made_up` with one published file."""

    def make(folder: str, digest: str | None = None, pages: tuple[str, ...] = ()) -> None:
        module = ModuleType("models.made_up.checkpoints")
        names = ("net_state_dict.ckpt", "net.ckpt")
        module.PUBLISHED = {"net": PublishedFile(folder, names, digest, pages=pages)}
        module.convert = lambda stage, path: {
            name.removeprefix("net."): value for name, value in read_state_dict(path).items()
        }
        package = ModuleType("models.made_up")
        package.SYSTEM = System("models.made_up", ("net",), timeline=None, mask=None)
        monkeypatch.setitem(registry.SYSTEMS, "made_up", "models.made_up")
        monkeypatch.setitem(sys.modules, "models.made_up", package)
        monkeypatch.setitem(sys.modules, "models.made_up.checkpoints", module)

    return make


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(downloads, "PIECE", 1000)
    output = tmp_path / "results/weights/made_up/net.safetensors"

    def run(**options: object) -> Path:
        fetch_weights(output, system="made_up", stage="net", folder=tmp_path / "weights/made_up", **options)
        return output

    return run


def assert_fetched(output: Path, content: bytes, origin: str) -> None:
    assert torch.equal(read_weights(output)["a"], torch.arange(50_000.0))
    digest = hashlib.sha256(content).hexdigest()
    assert read_record(output) == {
        "system": "made_up", "stage": "net", "origin": origin, "origin_sha256": digest, "licence": "not stated",
        "sha256": sha256(output),
    }  # fmt: skip


def place(tmp_path: Path, content: bytes, name: str = "net.ckpt") -> Path:
    path = tmp_path / "weights" / "made_up" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["net_state_dict.ckpt", "net.ckpt"])
@pytest.mark.parametrize("digest_known", [True, False])
def test_fetched_under_either_name(server, content, publish, fetch, name, digest_known):
    server.files[name] = content
    publish(server.address, hashlib.sha256(content).hexdigest() if digest_known else None)
    output = fetch()
    assert_fetched(output, content, f"{server.address}/{name}")
    assert not list(output.parent.glob("*.part*"))


def test_fetched_once(server, content, publish, fetch):
    server.files["net_state_dict.ckpt"] = content
    publish(server.address)
    fetch().unlink()
    assert_fetched(fetch(), content, f"{server.address}/net_state_dict.ckpt")
    assert len(server.requests) == 1


def test_mirror(server, content, publish, fetch):
    server.files["net.ckpt"] = content
    publish("http://127.0.0.1:1/official")
    assert_fetched(fetch(address=server.address), content, f"{server.address}/net.ckpt")


def test_broken_connection_is_resumed_at_once(server, content, publish, fetch):
    server.files["net_state_dict.ckpt"] = content
    server.breaks, server.break_after = 2, 60_000
    publish(server.address, hashlib.sha256(content).hexdigest())
    assert_fetched(fetch(), content, f"{server.address}/net_state_dict.ckpt")
    assert [wanted for _, wanted in server.requests] == [None, "bytes=60000-", "bytes=120000-"]


def test_download_goes_on_in_the_next_run(server, content, publish, fetch, tmp_path):
    server.files["net_state_dict.ckpt"] = content
    server.breaks, server.break_after = downloads.ATTEMPTS, 10_000
    publish(server.address)
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch()
    have = downloads.ATTEMPTS * 10_000
    part = tmp_path / "results/weights/made_up/net_state_dict.ckpt.part"
    assert part.read_bytes() == content[:have]
    output = fetch()
    assert server.requests[-1] == ("net_state_dict.ckpt", f"bytes={have}-")
    assert_fetched(output, content, f"{server.address}/net_state_dict.ckpt")


@pytest.mark.parametrize("etags", [True, False])
def test_another_file_is_not_joined_to_the_old_part(server, content, publish, fetch, tmp_path, etags):
    """The server's file changed after the break (or cannot be known not to have): it is fetched from its start."""
    server.etags = etags
    server.files["net_state_dict.ckpt"] = b"x" * 300_000
    server.breaks, server.break_after = downloads.ATTEMPTS, 10_000
    publish(server.address)
    with pytest.raises(InputError):
        fetch()
    server.files["net_state_dict.ckpt"] = content
    assert_fetched(fetch(), content, f"{server.address}/net_state_dict.ckpt")


def test_complete_part_is_fetched_again(server, content, publish, fetch, tmp_path):
    """Killed between the last byte and the renaming: the server has nothing more to send."""
    server.files["net_state_dict.ckpt"] = content
    part = tmp_path / "results/weights/made_up/net_state_dict.ckpt.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    part.with_name(f"{part.name}.etag").write_text(f'"{hashlib.md5(content).hexdigest()}"')
    publish(server.address)
    assert_fetched(fetch(), content, f"{server.address}/net_state_dict.ckpt")


def test_wrong_checksum(server, content, publish, fetch, tmp_path):
    server.files["net_state_dict.ckpt"] = content[:-1] + b"x"
    publish(server.address, hashlib.sha256(content).hexdigest())
    with pytest.raises(InputError, match="is not the published file"):
        fetch()
    assert list((tmp_path / "results/weights/made_up").iterdir()) == []


def test_not_found_says_what_to_place_where(server, publish, fetch, tmp_path):
    publish(server.address)
    with pytest.raises(InputError) as caught:
        fetch()
    text = str(caught.value)
    assert text.count("the server says 404") == 2  # not the number alone, which a port may hold
    for name in ("net_state_dict.ckpt", "net.ckpt"):
        assert str(tmp_path / "weights/made_up" / name) in text
    assert "\n" not in text


def test_no_network_says_what_to_place_where(publish, fetch, tmp_path):
    publish("http://127.0.0.1:1/weights")  # a closed port
    with pytest.raises(InputError, match="ConnectionError") as caught:
        fetch()
    assert str(tmp_path / "weights/made_up/net_state_dict.ckpt") in str(caught.value)


def test_web_page_in_place_of_the_file(server, content, publish, fetch, tmp_path):
    """A captive portal's page is refused, and the next run asks again."""
    server.files["net_state_dict.ckpt"] = b"<html>Please log in</html>"
    publish(server.address)
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        fetch()
    server.files["net_state_dict.ckpt"] = content
    assert_fetched(fetch(), content, f"{server.address}/net_state_dict.ckpt")


@pytest.mark.parametrize("name", ["net_state_dict.ckpt", "net.ckpt"])
def test_placed_by_hand(content, publish, fetch, tmp_path, name):
    path = place(tmp_path, content, name)
    publish("http://127.0.0.1:1/weights")
    assert_fetched(fetch(), content, str(path))
    assert path.read_bytes() == content


def zipped(tmp_path: Path, **members: bytes) -> Path:
    path = place(tmp_path, b"", "download.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name, held in members.items():
            archive.writestr(f"some folder/../{name}.ckpt", held)
    return path


def test_placed_by_hand_in_a_zip(content, publish, fetch, tmp_path):
    path = zipped(tmp_path, other=b"x", net=content)
    publish("http://127.0.0.1:1/weights")
    assert_fetched(fetch(), content, f"{path}/some folder/../net.ckpt")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["results", "source.ckpt", "weights"]


def test_the_file_goes_before_a_zip(content, publish, fetch, tmp_path):
    zipped(tmp_path, net=b"x")
    path = place(tmp_path, content)
    publish("http://127.0.0.1:1/weights")
    assert_fetched(fetch(), content, str(path))


def test_unusable_zips(content, publish, fetch, tmp_path):
    publish("http://127.0.0.1:1/weights")
    zipped(tmp_path, other=content)
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch()
    path = zipped(tmp_path, net=content[:1000])
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        fetch()
    assert path.exists(), "the user's file is left alone"
    whole = zipped(tmp_path, net=content).read_bytes()
    for broken in (whole[:1000], whole.replace(content[5000:5100], bytes(100))):
        place(tmp_path, broken, "download.zip")
        with pytest.raises(InputError, match=r"download\.zip: cannot be unpacked"):
            fetch()
    assert not list((tmp_path / "results").rglob("*ckpt")), "nothing half unpacked stays"


def test_what_only_people_can_fetch(publish, fetch, tmp_path):
    publish("", pages=("https://drive.example/1", "https://drive.example/2"))
    with pytest.raises(InputError) as caught:
        fetch()
    text = str(caught.value)
    assert "only a person can fetch it. Get it at https://drive.example/1 or https://drive.example/2." in text
    assert str(tmp_path / "weights/made_up/net.ckpt") in text


def test_placed_by_hand_with_wrong_checksum(content, publish, fetch, tmp_path):
    path = place(tmp_path, content)
    publish("http://127.0.0.1:1/weights", "0" * 64)
    with pytest.raises(InputError, match=r"net\.ckpt: has the SHA-256"):
        fetch()
    assert path.exists(), "the user's file is left alone"


def test_first_digest_is_kept_to(content, publish, fetch, tmp_path):
    place(tmp_path, content)
    publish("http://127.0.0.1:1/weights")
    output = fetch()
    first_seen = output.parent / "net.ckpt.sha256"
    assert first_seen.read_text() == f"{hashlib.sha256(content).hexdigest()}  net.ckpt\n"
    torch.save({"state_dict": {"net.a": torch.zeros(3)}}, tmp_path / "weights/made_up/net.ckpt")
    with pytest.raises(InputError, match=re.escape(f"Delete {first_seen}")):
        fetch()
    first_seen.unlink()
    assert read_weights(fetch())["a"].shape == (3,)


def test_options_of_reading_are_passed_on_and_recorded(content, publish, fetch, tmp_path):
    place(tmp_path, content)
    publish("http://127.0.0.1:1/weights")
    converted = sys.modules["models.made_up.checkpoints"].convert
    sys.modules["models.made_up.checkpoints"].convert = lambda stage, path, shift=0: {
        name: value + shift for name, value in converted(stage, path).items()
    }
    assert "reading" not in read_record(fetch())
    output = fetch(reading={"shift": 2})
    assert read_weights(output)["a"][0] == 2
    assert read_record(output)["reading"] == {"shift": 2}


def test_unpublished_stage(publish, tmp_path):
    publish("http://127.0.0.1:1/weights")
    with pytest.raises(InputError, match=r"made_up/other: is not published\. Choose from net"):
        fetch_weights(tmp_path / "a.safetensors", system="made_up", stage="other", folder=tmp_path)


def test_broken_file_leaves_no_first_digest(content, publish, fetch, tmp_path):
    place(tmp_path, content[:1000])
    publish("http://127.0.0.1:1/weights")
    with pytest.raises(InputError):
        fetch()
    place(tmp_path, content)
    assert torch.equal(read_weights(fetch())["a"], torch.arange(50_000.0))
