"""The deliverable: the system's faces pasted back into the source's frames, with sound, and marked as synthetic."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.registry import system as registered
from models.system import System
from toolkit.errors import InputError
from toolkit.faces.crop import Square
from toolkit.faces.paste import paste
from toolkit.log import job_log, logger
from toolkit.media.frames import FrameReader, read_frames
from toolkit.media.mux import mux
from toolkit.media.writer import write_video
from toolkit.timing import FPS

_CRF = 18  # good to look at, a third of the size of the workflow's own files


def mux_video(
    clip_video: str | Path,
    crop: str | Path,
    sample: str | Path,
    audio: str | Path,
    video: str | Path,
    *,
    system: str,
    options: dict,
    when_speech_ends: str = "cut",
) -> None:
    """Paste `sample` (the system's face crops) into `clip_video` along the system's timeline and add `audio`.

    The video is as long as the sample, which is as long as the speech; with `when_speech_ends` "keep", a longer
    source goes on as it was, in silence. Outside the system's mask each pixel is the source's (before encoding).
    """
    video = Path(video)
    video.parent.mkdir(parents=True, exist_ok=True)
    silent = video.with_name(f".{video.stem}.silent.mp4")
    try:
        frames = write_video(
            silent,
            pasted(clip_video, crop, sample, registered(system), options, keep=when_speech_ends == "keep"),
            crf=_CRF,
        )
        comment = f"Synthetic video made by Talkflow with {system}"
        mux(silent, audio, video, title=f"Synthetic: {video.stem}", comment=comment)
    finally:
        silent.unlink(missing_ok=True)
    logger.info("%s: %d frames, %.2f s", video, frames, frames / FPS)


def pasted(
    clip_video: str | Path, crop: str | Path, sample: str | Path, system: System, options: dict, *, keep: bool = False
) -> Iterator[np.ndarray]:
    """Yield full frames, (H, W, 3) uint8 RGB: one for each of the sample's and, to `keep` it all, the source's rest."""
    with np.load(crop, allow_pickle=False) as arrays:
        square, size, points = Square(*arrays["square"].tolist()), int(arrays["size"]), arrays["points"]
    with FrameReader(clip_video) as source, FrameReader(sample) as made:
        if len(source) != len(points):
            problem = f"{len(source)} frames, but {crop} holds landmarks for {len(points)}"
            raise InputError(clip_video, problem, "Delete both and let the workflow make them again")
        length = max(len(made), len(source)) if keep else len(made)
        timeline = system.timeline(len(source), length, options).tolist()
        for index, face in zip(timeline[: len(made)], read_frames(sample), strict=True):
            yield paste(source[index], face, square, system.mask(points[index], size, options))
        yield from (source[index] for index in timeline[len(made) :])


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        mux_video(
            snakemake.input.clip,
            snakemake.input.transform,
            snakemake.input.sample,
            snakemake.input.audio,
            snakemake.output.video,
            **dict(snakemake.params.items()),
        )
