"""Sample a batch of pairs side by side, into a folder of their videos."""

from models.finished_samples import sample_batch
from models.registry import get_system
from models.system import clips_from, weights_from
from toolkit.log import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        sampling = snakemake.config[snakemake.params.system]["sampling"]
        sample_batch(
            clips_from(snakemake.input),
            snakemake.output.samples,
            weights=weights_from(snakemake.input),
            speed=get_system(snakemake.params.system).chosen_speed(sampling),
            **snakemake.params,
        )
