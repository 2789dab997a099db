"""Fetch a published checkpoint, check it, and convert it once to safetensors.

The file comes from where the user placed it by hand, `weights/{system}/{name}` or in a zip beside it, else from its
authors' address. Its digest is checked against the known one; where none is known, the first digest seen is written
beside the download and kept to.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from models.checkpoints import write_weights
from models.published import convert_published
from models.registry import get_system
from toolkit.errors import InputError
from toolkit.log import job_log


def fetch_weights(
    output: str | Path,
    *,
    system: str,
    stage: str,
    folder: str | Path,
    reading: Mapping[str, object] | None = None,
    address: str | None = None,
) -> None:
    """Write `output` (.safetensors, and .json beside it: origin, digest) from the published file of a system's stage.

    `folder` is where this system's files are placed by hand; `reading` are options of the system's `convert`, and are
    recorded; `address` replaces the official web folder, for a mirror. Raises InputError when the file cannot be had,
    when its digest is wrong and when its content is not what the network takes.
    """
    checkpoints = get_system(system).part("checkpoints")
    if stage not in checkpoints.PUBLISHED:
        raise InputError(f"{system}/{stage}", "is not published", f"Choose from {', '.join(checkpoints.PUBLISHED)}")
    published = checkpoints.PUBLISHED[stage]
    web = address or published.folder
    tensors, source = convert_published(
        published,
        partial(checkpoints.convert, stage, **(reading or {})),
        folder=Path(folder),
        target=Path(output).parent,
        address=(lambda name: f"{web}/{name}") if web else None,
    )
    options = {"reading": dict(reading)} if reading else {}
    write_weights(output, tensors, {"system": system, "stage": stage, **options, **source})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        fetch_weights(snakemake.output.weights, **snakemake.params)
