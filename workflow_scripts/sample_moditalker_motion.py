"""Make a face's 3D landmarks of speech: MoDiTalker's first half."""

from pathlib import Path

import numpy as np

from models.system import Clip, clips_from, weights_from
from toolkit import devices
from toolkit.errors import InputError
from toolkit.files import write_npz
from toolkit.log import job_log
from toolkit.media.audio import count_samples
from toolkit.pairs import pair_name
from toolkit.timing import SAMPLES_PER_FRAME


def sample_motion(
    clip: Clip,
    output: str | Path,
    *,
    weights: dict[str, Path],
    preset: str,
    options: dict,
    reference_frame: int | None,
    seed: int,
) -> None:
    """Write `output` (.npz): `motion` (L, 68, 3) float32 of each video frame of the clip's `audio`, from the face in a frame of
    its `face3d`. InputError where the speech features do not belong to the sound, or are none that the weights know."""
    from models.moditalker.face3d import read_face3d
    from models.moditalker.motion_sampling import load
    from models.moditalker.sampling import shown_frame

    length = count_samples(clip["audio"]) // SAMPLES_PER_FRAME
    if length == 0:
        problem = "its sound lasts less than one video frame (0.04 s)"
        raise InputError(clip["audio"], problem, "Give a longer recording")
    speech = np.load(clip["speech"], mmap_mode="r", allow_pickle=False)
    face, shown = read_face3d(clip["face3d"]), shown_frame(clip, {"reference_frame": reference_frame})
    with devices.lease():
        sampler = load(weights["atom"], preset, **options)
        sampler.prepare(speech, length)
        name = pair_name(clip.name, clip["audio"].stem)
        motion = sampler.motion(face.motion[shown], speech, length, name, seed)
    write_npz(output, motion=motion)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        [clip] = clips_from(snakemake.input)
        sample_motion(clip, snakemake.output.motion, weights=weights_from(snakemake.input), **snakemake.params)
