"""Files read out of archives (`.zip`, `.tar.gz`); nothing is unpacked to the disk."""

import tarfile
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

from toolkit.errors import InputError


def read_member(path: Path, names: Collection[str]) -> tuple[str, bytes]:
    """Name and bytes of the first file in an archive that has one of these names, in whatever folder; of a file that is no
    archive its own. Raises InputError where the archive is broken or holds none of them."""
    try:
        found = _member(path, names)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
        raise InputError(path, f"cannot be unpacked ({error})", "Fetch it again") from error
    if found is None:
        raise InputError(path, f"holds no {' or '.join(names)}", "Give the published archive")
    return found


def _member(path: Path, names: Collection[str]) -> tuple[str, bytes] | None:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            found = next((member for member in archive.namelist() if Path(member).name in names), None)
            return found and (Path(found).name, archive.read(found))
    if path.suffix == ".gz":
        with tarfile.open(path) as archive:
            found = next((member for member in archive if member.isfile() and Path(member.name).name in names), None)
            return found and (Path(found.name).name, archive.extractfile(found).read())
    return path.name, path.read_bytes()
