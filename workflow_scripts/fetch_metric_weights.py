"""Take in the published weights of a network that measures: placed by hand, or fetched where the configuration allows it.

A metric whose weights are not to be had is left out of the table with the reason; the run goes on. So this stage never
fails for want of a file, nor for a wrong one: it writes down what it has found.
"""

import logging
from functools import partial
from pathlib import Path

from models.checkpoints import write_weights
from models.perception.checkpoints import PUBLISHED, address, convert
from models.published import Unreached, convert_published
from toolkit.errors import InputError
from toolkit.log import job_log

logger = logging.getLogger("talkflow")


def fetch_metric_weights(
    record: str | Path, *, network: str, folder: str | Path, download: bool, retries: int = 0
) -> None:
    """Write `record` (.json), and beside it the network's weights (.safetensors): no tensor where they cannot be had.

    The record holds `network`, `available`, and either `origin`, `origin_sha256`, `licence` and `sha256`, or `reason` and,
    where there was no connection, the `unreached` address; and `retries`, by which the next run knows whether to try
    again (`metrics.weights.retries`). `folder` is where files are placed by hand; `download` says whether they
    may be fetched.
    """
    about = {"network": network, "retries": retries}
    weights = Path(record).with_suffix(".safetensors")
    try:
        tensors, source = convert_published(
            PUBLISHED[network],
            partial(convert, network),
            folder=Path(folder),
            target=weights.parent,
            address=partial(address, network) if download else None,
        )
    except InputError as error:
        expected = download or any(Path(folder, name).is_file() for name in PUBLISHED[network].names)
        logger.log(logging.WARNING if expected else logging.INFO, "%s", error)
        unreached = {"unreached": error.subject} if isinstance(error, Unreached) else {}
        write_weights(weights, {}, {**about, "available": False, "reason": str(error), **unreached})
    else:
        write_weights(weights, tensors, {**about, "available": True, **source})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        for record in snakemake.output.records:
            fetch_metric_weights(record, network=Path(record).stem, **snakemake.params)
