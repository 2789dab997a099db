"""Published files become our networks' weights; any other file is refused in one line."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints import sha256, write_weights
from models.perception import checkpoints
from models.perception.checkpoints import NETWORKS, PUBLISHED, address, convert, load
from tests.random_weights import random_network, write_random_weights
from toolkit.errors import InputError


def save(path: Path, tensors: dict) -> Path:
    torch.save(tensors, path)
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Files as their authors publish them, by network."""
    folder = tmp_path_factory.mktemp("published")
    made = {}
    for name in ("syncnet", "s3fd", "inception", "i3d"):
        tensors = random_network(name).state_dict()
        if name == "syncnet":  # an old torch, which counted no batches
            tensors = {key: value for key, value in tensors.items() if not key.endswith("num_batches_tracked")}
        made[name] = save(folder / f"{name}.pth", tensors)
    trunk = random_network("lpips_alex").state_dict()
    trunk = {key: value for key, value in trunk.items() if key.startswith("features.")}
    made["lpips_alex"] = save(folder / "alexnet.pth", trunk | {"classifier.6.bias": torch.zeros(1000)})
    return made


@pytest.mark.parametrize("name", ["syncnet", "s3fd", "inception", "i3d", "lpips_alex"])
def test_converted_by_name(name, published, tmp_path):
    converted = convert(name, published[name])
    write_weights(tmp_path / "converted.safetensors", converted, {})
    load(name, tmp_path / "converted.safetensors")
    source = torch.load(published[name], weights_only=True)
    same = [key for key in converted if key in source]
    assert len(same) >= 10
    assert all(torch.equal(converted[key], source[key]) for key in same)


def test_learnt_vectors_come_with_torchmetrics(published):
    converted = convert("lpips_alex", published["lpips_alex"])
    widths = [converted[f"lin{place}.model.1.weight"].shape[1] for place in range(5)]
    assert widths == [64, 192, 384, 256, 256]
    assert all((converted[f"lin{place}.model.1.weight"] >= 0).all() for place in range(5))
    assert not any(name.startswith("classifier") for name in converted)


def test_no_torchmetrics_here(published, monkeypatch):
    monkeypatch.setattr(checkpoints.metadata, "files", lambda package: [])
    with pytest.raises(InputError, match=r"lpips_models/alex\.pth"):
        convert("lpips_alex", published["lpips_alex"])


@pytest.mark.parametrize("name", NETWORKS)
def test_another_networks_file_is_refused(name, published):
    other = published["i3d" if name != "i3d" else "syncnet"]
    with pytest.raises(InputError, match="does not fit the network"):
        convert(name, other)


def test_a_program_is_refused(tmp_path):
    """The TorchScript I3D: its tensors bear other names."""
    torch.jit.script(torch.nn.Sequential(torch.nn.Conv3d(3, 4, 1))).save(str(tmp_path / "i3d_torchscript.pt"))
    with pytest.raises(InputError):
        convert("i3d", tmp_path / "i3d_torchscript.pt")


def test_loaded_on_the_device_without_gradients(tmp_path):
    path = write_random_weights("lpips_alex", tmp_path)
    network = load("lpips_alex", path)
    assert load("lpips_alex", path) is network, "once in a process"
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    with pytest.raises(InputError, match="does not fit the network"):
        load("syncnet", tmp_path / "lpips_alex.safetensors")


@pytest.fixture
def niqe(tmp_path, monkeypatch):
    """Parameters of NIQE's form, whose digest is taken for the known one."""
    path = tmp_path / "niqe_pris_params.npz"
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=shape) for name, shape in checkpoints._NIQE_SHAPES.items()}
    np.savez(path, **arrays)
    monkeypatch.setitem(checkpoints._MEMBERS, path.name, sha256(path))
    return path, arrays


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return path


def test_niqe_out_of_a_source_archive(niqe, tmp_path):
    path, arrays = niqe
    members = {
        "basicsr-1.4.2/setup.py": b"raise SystemExit",
        "basicsr-1.4.2/basicsr/metrics/niqe_pris_params.npz": path.read_bytes(),
    }
    for source in (path, archive(tmp_path / "basicsr-1.4.2.tar.gz", members)):
        found = convert("niqe", source)
        assert found.keys() == arrays.keys()
        assert all(np.array_equal(found[name].numpy(), arrays[name]) for name in arrays)
        assert all(value.dtype == torch.float64 for value in found.values())


def test_niqe_of_somebody_else(niqe, tmp_path):
    np.savez(tmp_path / "other.npz", mu_pris_param=np.zeros((1, 36)))
    with pytest.raises(InputError, match="SHA-256"):
        convert("niqe", tmp_path / "other.npz")
    with pytest.raises(InputError, match=r"holds no niqe_pris_params\.npz"):
        convert("niqe", archive(tmp_path / "empty.tar.gz", {"basicsr-1.4.2/README": b""}))


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_half_an_archive(niqe, share, tmp_path):
    content = archive(tmp_path / "whole.tar.gz", {"niqe_pris_params.npz": niqe[0].read_bytes()}).read_bytes()
    half = tmp_path / "half.tar.gz"
    half.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="cannot be unpacked"):
        convert("niqe", half)


def test_a_graph_out_of_a_zip(tmp_path, monkeypatch):
    graph, found = tmp_path / "w600k_r50.onnx", tmp_path / "buffalo_l.zip"
    graph.write_bytes(b"a graph")
    with zipfile.ZipFile(found, "w") as made:
        made.writestr("buffalo_l/det_10g.onnx", b"another graph")
        made.write(graph, "buffalo_l/w600k_r50.onnx")
    with pytest.raises(InputError, match=r"has, as w600k_r50\.onnx, the SHA-256 \w+ and not 4c06341c"):
        convert("arcface", found)
    monkeypatch.setitem(checkpoints._MEMBERS, graph.name, sha256(graph))
    for source in (graph, found):
        [(name, tensor)] = convert("arcface", source).items()
        assert (name, tensor.numpy().tobytes()) == ("onnx", b"a graph")
    with zipfile.ZipFile(found, "w") as made:
        made.writestr("det_10g.onnx", b"another graph")
    with pytest.raises(InputError, match=r"holds no w600k_r50\.onnx"):
        convert("arcface", found)


def test_every_network_is_published_under_an_address_of_its_own():
    assert {*NETWORKS, "niqe", "arcface"} == PUBLISHED.keys()
    addresses = [address(network, name) for network, file in PUBLISHED.items() for name in file.names]
    assert len(set(addresses)) == len(addresses)
    assert all(found.startswith("https://") for found in addresses)
