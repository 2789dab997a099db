"""How light every frame of a clip's view is, 0 to 1."""

from toolkit.files import write_npz
from toolkit.log import job_log
from toolkit.media.frames import read_frames

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        write_npz(snakemake.output.light, light=[frame.mean() / 255 for frame in read_frames(snakemake.input.view)])
