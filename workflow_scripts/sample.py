"""Draw one pair: the face of one clip, speaking another's words (or its own).

The same script serves every system: the system's sampler yields face crops one by one, and they go straight into a
video file, so that an hour-long dub needs no more memory than a short one. The sample is exactly as long as the
speech.
"""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from models.registry import system as find_system
from models.system import Clip
from toolkit import devices
from toolkit.log import job_log
from toolkit.media.audio import count_samples
from toolkit.media.writer import write_video
from toolkit.timing import SAMPLES_PER_FRAME


def sample(
    reference: Clip,
    audio: str | Path,
    speech: str | Path | None,
    output: str | Path,
    *,
    system: str,
    options: dict,
    seed: int,
    preset: str | None = None,
    weights: dict[str, Path] | None = None,
) -> None:
    """Write the generated face crops as near-lossless video. `speech` are the features of `audio` (first axis time)."""
    length = count_samples(audio) // SAMPLES_PER_FRAME
    heard = np.load(speech, mmap_mode="r", allow_pickle=False) if speech else None
    chosen = find_system(system)
    with devices.lease(1 if chosen.stages else 0):
        sampler = chosen.part("sampling").load(weights or {}, preset, options)
        frames = sampler.frames(reference, heard, length, seed)
        write_video(output, tqdm(frames, total=length, desc=Path(output).stem, unit="frame", mininterval=5), crf=4)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        weights = {Path(path).stem: Path(path) for path in snakemake.input.get("weights", [])}
        sample(
            Clip(snakemake.wildcards.video, Path(snakemake.input.crop), Path(snakemake.input.transform)),
            snakemake.input.audio,
            snakemake.input.get("speech"),
            snakemake.output.sample,
            weights=weights,
            **snakemake.params,
        )
