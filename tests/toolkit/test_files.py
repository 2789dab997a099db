import numpy as np
import pytest

from toolkit import files


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    target = tmp_path / "a.json"
    files.write_json(target, {"old": 1})
    with pytest.raises(RuntimeError), files.atomic_path(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert files.read_json(target) == {"old": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_appears_whole_in_place_of_the_old_one_or_not_at_all(tmp_path):
    target = tmp_path / "below" / "a"
    for text in ("old", "new"):
        with files.atomic_folder(target) as partial:
            (partial / text).write_text(text)
    with pytest.raises(RuntimeError), files.atomic_folder(target) as partial:
        (partial / "half").write_text("half")
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(target.parent.iterdir()) == [target]


def test_json_refuses_what_is_not_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    assert files.sha256(tmp_path / "a") == digest


def test_arrays_come_back(tmp_path):
    files.write_npy(tmp_path / "a.npy", np.arange(3))
    files.write_npz(tmp_path / "a.npz", b=np.eye(2))
    assert (np.load(tmp_path / "a.npy", mmap_mode="r") == [0, 1, 2]).all()
    assert (np.load(tmp_path / "a.npz")["b"] == np.eye(2)).all()


def test_an_array_is_written_block_by_block(tmp_path):
    blocks = [np.full((rows, 3), rows) for rows in (2, 1, 4)]
    assert files.write_blocks(tmp_path / "a.npy", iter(blocks), 7, "float16") == [7, 3]
    written = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert written.dtype == np.float16
    np.testing.assert_array_equal(written, np.concatenate(blocks))


@pytest.mark.parametrize("rows", [6, 8, 0])
def test_blocks_of_another_number_of_rows_leave_nothing(tmp_path, rows):
    blocks = [np.zeros((rows, 3)) for rows in (2, 1, 4)] if rows else []
    with pytest.raises((RuntimeError, ValueError)):
        files.write_blocks(tmp_path / "a.npy", blocks, rows, "float32")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a b", "a_b"),
        ("../../etc", "etc"),
        ("x--y", "x-y"),
        (".hidden", "hidden"),
        ("", "clip"),
        ("né 视频;'\"", "né_视频"),
    ],
)
def test_names_stay_inside_their_folder(text, name):
    assert files.safe_name(text) == name
    assert files.safe_name(name) == name
