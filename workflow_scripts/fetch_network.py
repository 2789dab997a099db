"""Take in the published weights of a network that a system generates with: placed by hand, or fetched where the
configuration allows it. Where they cannot be had the job fails, by the file's name.
"""

from functools import partial
from pathlib import Path

from models.checkpoints import write_weights
from models.networks import source
from models.published import convert_published
from toolkit.log import job_log


def fetch_network(weights: str | Path, *, network: str, folder: str | Path, download: bool) -> None:
    """Write `weights` (.safetensors, and .json beside it: origin, digest, licence) from the network's published file.

    `folder` is where files are placed by hand; `download` says whether their authors' address may be used. Raises
    InputError where there is no such network, and where its file cannot be had or is another one.
    """
    known = source(network)
    tensors, record = convert_published(
        known.PUBLISHED[network],
        partial(known.convert, network),
        folder=Path(folder),
        target=Path(weights).parent,
        address=partial(known.address, network) if download and known.PUBLISHED[network].folder else None,
    )
    write_weights(weights, tensors, {"network": network, **record})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        fetch_network(snakemake.output.weights, **snakemake.params)
