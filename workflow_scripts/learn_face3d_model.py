"""Learn the landmark model of 3D faces from the training clips' landmarks, where there is no licensed face model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toolkit.faces.landmark_model import fit, write_model
from toolkit.files import write_json
from toolkit.log import job_log, logger


def learn_face3d_model(transforms: Sequence[str | Path], model: str | Path, record: str | Path) -> None:
    """Write `model` (.npz: `mean` (68, 3), `components` (k, 68, 3), `deviations` (k,)) of all clips together, and `record`
    (.json): which clips and how many of their frames show a face."""
    clips = []
    for path in transforms:
        with np.load(path, allow_pickle=False) as arrays:
            clips.append((arrays["points"], arrays["ok"]))
    learned, frames = fit(clips), sum(int(ok.sum()) for _, ok in clips)
    write_model(model, learned)
    write_json(record, {"model": "learned", "clips": [Path(path).stem for path in transforms], "frames": frames})
    logger.info("a mean shape and %d components of %d frames of %d clips", len(learned.components), frames, len(clips))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        learn_face3d_model(snakemake.input.transform, snakemake.output.model, snakemake.output.record)
