import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from toolkit.archives import read_member
from toolkit.errors import InputError

MEMBERS = {"models/README": b"read me", "models/second.pb": b"second", "models/first.pb": b"first"}


def packed(path: Path) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in MEMBERS.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz") as archive:
        folder = tarfile.TarInfo("models/first.pb/")
        folder.type = tarfile.DIRTYPE  # a folder of that name is no file
        archive.addfile(folder)
        for name, content in MEMBERS.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_the_first_file_of_a_known_name(tmp_path, suffix):
    path = packed(tmp_path / f"a{suffix}")
    assert read_member(path, ("first.pb",)) == ("first.pb", b"first")
    assert read_member(path, ("first.pb", "second.pb")) == ("second.pb", b"second")
    with pytest.raises(InputError, match=r"holds no third\.pb or fourth\.pb. Give the published archive"):
        read_member(path, ("third.pb", "fourth.pb"))
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_a_file_that_is_no_archive_is_the_file(tmp_path):
    (tmp_path / "other.pb").write_bytes(b"content")
    assert read_member(tmp_path / "other.pb", ("first.pb",)) == ("other.pb", b"content")


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
@pytest.mark.parametrize("content", [b"", b"<html>", None])
def test_broken_archives_are_refused(tmp_path, suffix, content):
    path = packed(tmp_path / f"a{suffix}")
    path.write_bytes(path.read_bytes()[:40] if content is None else content)
    with pytest.raises(InputError, match=rf"a{suffix}: cannot be unpacked"):
        read_member(path, ("first.pb",))
