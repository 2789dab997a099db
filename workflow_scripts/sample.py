"""Sample one pair: the face of a clip, speaking another's words (or its own), by any system."""

from pathlib import Path

from models.registry import get_system
from models.sampling import sample_pairs
from models.system import Clip, clips_from, weights_from
from toolkit.log import job_log


def sample(clip: Clip, folder: str | Path, *, options: dict, speed: dict | None = None, **settings: object) -> None:
    """Write `folder/{video}--{audio}.mp4` (`models.sampling.sample_pairs`, which takes the settings; `speed` are options
    that change no picture); InputError where it cannot be sampled."""
    for error in sample_pairs([clip], folder, options=options | (speed or {}), **settings).values():
        raise error


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        [clip] = clips_from(snakemake.input)
        sampling = snakemake.config[snakemake.params.system]["sampling"]
        sample(
            clip,
            Path(snakemake.output.sample).parent,
            weights=weights_from(snakemake.input),
            speed=get_system(snakemake.params.system).chosen_speed(sampling),
            **snakemake.params,
        )
