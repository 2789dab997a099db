"""GeneFace's container, written here: its items, what is wrong with it, and the files that come of it."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest

from toolkit.datasets.lrs3 import main, read_items
from toolkit.errors import InputError

BEGIN = 1 << 12  # where items begin; published 16 MiB


def item(name: str, frames: int, rows: int) -> dict:
    random = np.random.default_rng(frames)
    return {
        "item_id": name,
        "hubert": random.normal(size=(rows, 6)).astype(np.float32),
        "mel": np.asfortranarray(random.normal(size=(rows, 4))),
        "coeff": random.normal(size=(frames, 257)).astype(">f4"),
        "idexp_lm3d": random.normal(size=(frames, 68, 3)).astype(np.float32),
        "sr": np.float64(16000),
    }


def container(path: Path, items: list[bytes], packed: bool = False, **index) -> Path:
    """Write items, each a pickle, as the published code does."""
    items = [gzip.compress(content) if packed else content for content in items]
    offsets = np.cumsum([BEGIN, *map(len, items)]).tolist()
    head = pickle.dumps({"offsets": offsets, "id2pos": {}, "meta": {"chunk_begin": BEGIN, "gzip": packed}, **index})
    begin = len(head).to_bytes(32, "little") + head
    path.write_bytes(begin.ljust(BEGIN, b"\0") + b"".join(items))
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_items_come_back_as_they_were(tmp_path, protocol, packed):
    items = [item("a", 5, 10), item("b", 3, 7)]
    found = list(read_items(container(tmp_path / "x", [pickle.dumps(one, protocol) for one in items], packed)))
    for one, other in zip(items, found, strict=True):
        assert one.keys() == other.keys()
        assert one["item_id"] == other["item_id"]
        assert other["sr"] == 16000
        for name in ("hubert", "mel", "coeff", "idexp_lm3d"):
            np.testing.assert_array_equal(one[name], other[name])


def test_broken_containers_are_refused(tmp_path):
    whole = container(tmp_path / "x", [pickle.dumps(item("a", 5, 10))])
    (tmp_path / "cut").write_bytes(whole.read_bytes()[:-5])
    (tmp_path / "other").write_bytes(b"\xff" * 100)
    (tmp_path / "empty").write_bytes(b"")
    for name, problem in (("cut", "cut off"), ("other", "an index"), ("empty", "an index")):
        with pytest.raises(InputError, match=problem):
            list(read_items(tmp_path / name))
    with pytest.raises(InputError, match="cannot be unpacked"):
        list(read_items(container(tmp_path / "y", [b"no gzip"], meta={"gzip": True})))


def test_files_that_training_reads(tmp_path, capsys):
    items = [item("a/b", 5, 9), item("a/b", 3, 7)]
    data = container(tmp_path / "train.data", [pickle.dumps(one) for one in items])
    assert main(["--data", str(data), "--output", str(tmp_path / "out"), "--speech", "mel"]) == 0
    assert "2 items" in capsys.readouterr().out
    names = sorted(path.stem for path in (tmp_path / "out/speech").iterdir())
    assert len(names) == 2
    lengths = []
    for name in names:
        speech = np.load(tmp_path / f"out/speech/{name}.npy")
        motion = np.load(tmp_path / f"out/face3d/{name}.npz")["motion"]
        assert np.load(tmp_path / f"out/transform/{name}.npz")["ok"].tolist() == [True] * len(motion)
        assert speech.shape == (2 * len(motion), 4)
        lengths.append(len(motion))
    assert sorted(lengths) == [3, 4], "as long as the shorter of speech and motion"


def test_what_is_missing_is_said(tmp_path, capsys):
    data = container(tmp_path / "train.data", [pickle.dumps({"item_id": "a", "mel": np.zeros((4, 80))})])
    assert main(["--data", str(data), "--output", str(tmp_path / "out")]) == 1
    assert "item 0: lacks hubert" in capsys.readouterr().err
