"""A published file in hand: placed by the user or fetched from its authors' address, its digest checked, converted."""

import logging
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import requests
from torch import Tensor

from models.checkpoints import PublishedFile
from toolkit.downloads import download
from toolkit.errors import InputError
from toolkit.files import atomic_path, sha256, write_text

logger = logging.getLogger("talkflow")


class Unreached(InputError):
    """A file's web address (`subject`) could not be reached: another try may well succeed."""


def convert_published(
    published: PublishedFile,
    convert: Callable[[Path], dict[str, Tensor]],
    *,
    folder: Path,
    target: Path,
    address: Callable[[str], str] | None,
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What `convert` makes of the published file, and where that came from: `origin`, `origin_sha256`, `licence`.

    `folder` is where the user places the file by hand, alone or in a zip; else it is fetched into `target`, from the web address that
    `address` gives for each of its names; None asks nobody. Where no digest is known, the first one seen is written into
    `target` and kept to. Raises InputError where the file cannot be had (`Unreached` for want of a connection), where its
    digest is wrong and where `convert` refuses it.
    """
    placed = _placed(published, folder) or _unpacked(published, folder, target)
    path, origin = placed or _fetched(published, folder, target, address)
    first_seen = target / f"{path.name}.sha256"
    try:
        digest = _checked(path, published, first_seen)
        tensors = convert(path)
    except InputError:
        if path.parent != folder:
            path.unlink()  # what the web or a zip gave was no good, so the next run fetches it again
        raise
    if not published.sha256:
        logger.info("%s: no digest is published for it; from now on it must be %s", path, digest)
        write_text(first_seen, f"{digest}  {path.name}\n")
    return tensors, {"origin": origin, "origin_sha256": digest, "licence": published.licence}


def _placed(published: PublishedFile, folder: Path) -> tuple[Path, str] | None:
    """The file that the user placed by hand, and its path as its origin."""
    found = next((folder / name for name in published.names if (folder / name).is_file()), None)
    return (found, str(found)) if found else None


def _unpacked(published: PublishedFile, folder: Path, target: Path) -> tuple[Path, str] | None:
    """The file out of a zip that the user placed by hand, unpacked into `target`, and its path within the zip."""
    for archive in sorted(folder.glob("*.zip")):
        try:
            with zipfile.ZipFile(archive) as content:
                members = {Path(member).name: member for member in content.namelist()}
                name = next((name for name in published.names if name in members), None)
                if name is None:
                    continue
                with (
                    atomic_path(target / name) as partial,
                    content.open(members[name]) as member,
                    partial.open("wb") as file,
                ):
                    shutil.copyfileobj(member, file)
                return target / name, f"{archive}/{members[name]}"
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
            raise InputError(
                archive, f"cannot be unpacked ({error})", "Fetch it again, or unpack it yourself"
            ) from error
    return None


def _fetched(
    published: PublishedFile, folder: Path, target: Path, address: Callable[[str], str] | None
) -> tuple[Path, str]:
    """The file from the web and its address, under the first of its names that the server knows."""
    places = f"Place the file by hand at {' or '.join(str(folder / name) for name in published.names)}"
    if published.pages:
        places = f"Get it at {' or '.join(published.pages)}. {places}"
    if address is None:
        reason = "downloading is off" if published.folder else "only a person can fetch it"
        remedy = f"{places}, or allow downloading" if published.folder else places
        raise InputError(published.names[0], f"is not here, and {reason}", remedy)
    reasons = []
    for name in published.names:
        origin = address(name)
        logger.info("fetching %s", origin)
        try:
            download(origin, target / name, published.sha256)
        except requests.HTTPError as error:
            reasons.append(f"{name}: the server says {error.response.status_code} {error.response.reason}")
        except requests.RequestException as error:  # no network: another name would not help
            reasons.append(f"{name}: {type(error).__name__}")
            raise Unreached(origin, f"cannot be fetched ({'; '.join(reasons)})", places) from error
        except ValueError as error:  # pooch's word for a wrong digest
            raise InputError(origin, f"is not the published file ({error})", f"Place it at {folder / name}") from None
        else:
            return target / name, origin
    raise InputError(origin, f"cannot be fetched ({'; '.join(reasons)})", places)


def _checked(path: Path, published: PublishedFile, first_seen: Path) -> str:
    """The file's digest, after comparing it with the published one or, where none is known, with the first one seen."""
    digest = sha256(path)
    known = published.sha256 or (first_seen.read_text().split()[0] if first_seen.is_file() else digest)
    if digest != known:
        remedy = (
            "Give the published file" if published.sha256 else f"Delete {first_seen} if the new file is the right one"
        )
        raise InputError(path, f"has the SHA-256 {digest} and not {known}", remedy)
    return digest
