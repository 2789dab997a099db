"""The deliverable: the system's pictures, pasted back into the source's frames if it repaints faces, with sound, and marked
as synthetic.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.registry import get_system
from models.system import System
from toolkit.errors import InputError
from toolkit.faces.view import read_view
from toolkit.log import job_log, logger
from toolkit.media.container import SYNTHETIC
from toolkit.media.frames import FrameReader, read_frames
from toolkit.media.masks import read_masks
from toolkit.media.mux import mux
from toolkit.media.writer import write_video
from toolkit.timing import FPS

_CRF = 18  # good to look at, a third of the size of the workflow's own files


def mux_video(
    clip_video: str | Path,
    transform: str | Path,
    sample: str | Path,
    audio: str | Path,
    video: str | Path,
    *,
    system: str,
    options: dict,
    preset: str | None = None,
    when_speech_ends: str = "cut",
    masks: str | Path | None = None,
) -> None:
    """Paste `sample` (the system's pictures) into `clip_video` along the system's timeline and add `audio`.

    `transform` says how the system's view of the face lies in the clip (`toolkit.faces.view`). The video is as long as
    the sample, which is as long as the speech; with `when_speech_ends` "keep", a longer source goes on as it was, in
    silence. Outside the mask, the system's or that of the sample itself (`masks`), each pixel is the source's (before
    encoding). Where a system's pictures are not pasted they are the video.
    """
    video = Path(video)
    video.parent.mkdir(parents=True, exist_ok=True)
    silent = video.with_name(f".{video.stem}.silent.mp4")
    try:
        frames = write_video(
            silent,
            pasted(
                clip_video,
                transform,
                sample,
                get_system(system),
                {"preset": preset, **options},
                keep=when_speech_ends == "keep",
                masks=masks,
            ),
            crf=_CRF,
        )
        comment = f"{SYNTHETIC} video made by Talkflow with {system}"
        mux(silent, audio, video, title=f"{SYNTHETIC}: {video.stem}", comment=comment)
    finally:
        silent.unlink(missing_ok=True)
    logger.info("%s: %d frames, %.2f s", video, frames, frames / FPS)


def pasted(
    clip_video: str | Path,
    transform: str | Path,
    sample: str | Path,
    system: System,
    options: dict,
    *,
    keep: bool = False,
    masks: str | Path | None = None,
) -> Iterator[np.ndarray]:
    """Yield frames, (H, W, 3) uint8 RGB: one for each of the sample's and, to `keep` it all, the source's rest."""
    if not system.pasted(options):
        yield from read_frames(sample)
        return
    view = read_view(transform)
    with FrameReader(clip_video) as source, FrameReader(sample) as made:
        if len(source) != len(view.points):
            problem = f"{len(source)} frames, but {transform} holds landmarks for {len(view.points)}"
            raise InputError(clip_video, problem, "Delete both and let the workflow make them again")
        length = max(len(made), len(source)) if keep else len(made)
        timeline = system.timeline(len(source), length, options).tolist()
        shown = timeline[: len(made)]
        weights = (
            (mask.astype(np.float32) / 255 for mask in read_masks(masks))
            if masks
            else (system.mask(view.points[index], view.size, options) for index in shown)
        )
        for index, face, weight in zip(shown, read_frames(sample), weights, strict=True):
            yield view.paste(source[index], face, weight, index)
        yield from (source[index] for index in timeline[len(made) :])


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        mux_video(
            snakemake.input.clip,
            snakemake.input.transform,
            snakemake.input.sample,
            snakemake.input.audio,
            snakemake.output.video,
            masks=next(iter(snakemake.input.masks), None),
            **dict(snakemake.params.items()),
        )
