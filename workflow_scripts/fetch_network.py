"""Take in the published weights of a network that a system generates with: placed by hand, or fetched where the
configuration allows it. Where they cannot be had the job fails, by the file's name.
"""

from functools import partial
from pathlib import Path

from models.checkpoints import write_weights
from models.perception.checkpoints import PUBLISHED, address, convert
from models.published import convert_published
from toolkit.errors import InputError
from toolkit.log import job_log


def fetch_network(weights: str | Path, *, network: str, folder: str | Path, download: bool) -> None:
    """Write `weights` (.safetensors, and .json beside it: origin, digest, licence) from the network's published file.

    `folder` is where files are placed by hand; `download` says whether their authors' address may be used. Raises
    InputError where there is no such network, and where its file cannot be had or is another one.
    """
    if network not in PUBLISHED:
        raise InputError(network, "there is no such network", f"Choose from {', '.join(PUBLISHED)}")
    tensors, source = convert_published(
        PUBLISHED[network],
        partial(convert, network),
        folder=Path(folder),
        target=Path(weights).parent,
        address=partial(address, network) if download else None,
    )
    write_weights(weights, tensors, {"network": network, **source})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        fetch_network(snakemake.output.weights, **snakemake.params)
