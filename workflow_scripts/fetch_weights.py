"""Fetch a published checkpoint, check it, and convert it once to safetensors.

The file comes from where the user placed it by hand, `weights/{system}/{name}`, else from its authors' address. Its
digest is checked against the known one; where none is known, the first digest seen is written beside the download and
kept to.
"""

import logging
from pathlib import Path

import requests

from models import registry
from models.checkpoints import PublishedFile, sha256, write_weights
from toolkit.downloads import download
from toolkit.errors import InputError
from toolkit.files import write_text
from toolkit.log import job_log

logger = logging.getLogger("talkflow")


def fetch_weights(
    output: str | Path, *, system: str, stage: str, folder: str | Path, address: str | None = None
) -> None:
    """Write `output` (.safetensors, and .json beside it: origin, digest) from the published file of a system's stage.

    `folder` is where this system's files are placed by hand; `address` replaces the official web folder, for a mirror.
    Raises InputError when the file cannot be had, when its digest is wrong and when its content is not what the
    network takes.
    """
    checkpoints = registry.system(system).part("checkpoints")
    if stage not in checkpoints.PUBLISHED:
        raise InputError(f"{system}/{stage}", "is not published", f"Choose from {', '.join(checkpoints.PUBLISHED)}")
    published = checkpoints.PUBLISHED[stage]
    output, folder = Path(output), Path(folder)
    path, origin = _placed(published, folder) or _fetched(published, folder, output.parent, address or published.folder)
    first_seen = output.parent / f"{path.name}.sha256"
    try:
        digest = _checked(path, published, first_seen)
        tensors = checkpoints.convert(stage, path)
    except InputError:
        if path.parent != folder:
            path.unlink()  # what the web gave was no good, so the next run asks again
        raise
    if not published.sha256:
        logger.info("%s: no digest is published for it; from now on it must be %s", path, digest)
        write_text(first_seen, f"{digest}  {path.name}\n")
    record = {"system": system, "stage": stage, "origin": origin, "origin_sha256": digest, "licence": published.licence}
    write_weights(output, tensors, record)


def _placed(published: PublishedFile, folder: Path) -> tuple[Path, str] | None:
    """The file that the user placed by hand, and its path as its origin."""
    found = next((folder / name for name in published.names if (folder / name).is_file()), None)
    return (found, str(found)) if found else None


def _fetched(published: PublishedFile, folder: Path, target: Path, address: str) -> tuple[Path, str]:
    """The file from the web and its address, under the first of its names that the server knows."""
    reasons = []
    for name in published.names:
        origin = f"{address}/{name}"
        logger.info("fetching %s", origin)
        try:
            download(origin, target / name, published.sha256)
        except requests.HTTPError as error:
            reasons.append(f"{name}: the server says {error.response.status_code} {error.response.reason}")
        except requests.RequestException as error:
            reasons.append(f"{name}: {type(error).__name__}")
            break  # no network: another name would not help
        except ValueError as error:  # pooch's word for a wrong digest
            raise InputError(origin, f"is not the published file ({error})", f"Place it at {folder / name}") from None
        else:
            return target / name, origin
    places = " or ".join(str(folder / name) for name in published.names)
    raise InputError(address, f"cannot be fetched ({'; '.join(reasons)})", f"Place the file by hand at {places}")


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


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        fetch_weights(snakemake.output.weights, **snakemake.params)
