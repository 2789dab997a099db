"""Bring generated landmarks into a driving video: each frame's in the pose, size and place that the face has there."""

from pathlib import Path

import numpy as np

from toolkit.files import write_npz
from toolkit.log import job_log


def align(motion: str | Path, face3d: str | Path, output: str | Path, *, beyond: str, whole_numbers: bool) -> None:
    """Write `output` (.npz): `points` (L, 68, 2) float32 in the view's pixels, of the `motion` (L, 68, 3) in a file; where it is
    longer than the video, that goes on as `beyond` says. `whole_numbers` truncates as published."""
    from models.moditalker import timeline
    from models.moditalker.face3d import align_motion, read_face3d

    driving = read_face3d(face3d)
    with np.load(motion, allow_pickle=False) as arrays:
        generated = arrays["motion"]
    frames = timeline(len(driving.motion), len(generated), {"beyond": beyond})
    points = align_motion(generated, driving, frames, truncated=whole_numbers)
    write_npz(output, points=points)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        align(snakemake.input.motion, snakemake.input.face3d, snakemake.output.landmarks, **snakemake.params)
