"""Take one pair's sample out of the batch in which it was made, as a hard link: the same file under a second name."""

from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import link, read_json
from toolkit.log import job_log
from toolkit.media.masks import mask_file


def link_sample(batch: str | Path, sample: str | Path) -> None:
    """Link (where links are not possible, copy) `batch/{pair}.mp4`, and its masks if it has any, to `sample`, whose name
    is the pair's.

    Raises the `InputError` that stands in `batch/{pair}.json` for a pair that could not be sampled.
    """
    batch, sample = Path(batch), Path(sample)
    refused = batch / f"{sample.stem}.json"
    if refused.exists():
        raise InputError(**read_json(refused))
    if mask_file(batch / sample.name).exists():
        link(mask_file(batch / sample.name), mask_file(sample))
    link(batch / sample.name, sample)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        link_sample(snakemake.input.batch, snakemake.output.sample)
