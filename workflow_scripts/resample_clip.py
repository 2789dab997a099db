"""Bring a clip to the workflow's one clock and form: 25 frames a second by time stamps, upright, even size, of the crop alone."""

from dataclasses import asdict
from pathlib import Path

from toolkit.files import read_json, write_json
from toolkit.log import job_log, logger
from toolkit.media.box import Box
from toolkit.media.check import require_usable
from toolkit.media.probe import Media
from toolkit.media.resample import resample_video
from toolkit.timing import FPS


def resample_clip(
    video: str | Path,
    verdict: str | Path,
    clip_video: str | Path,
    clip_info: str | Path,
    *,
    start: float | None = None,
    end: float | None = None,
    crop: Box | None = None,
) -> None:
    """Write the clip's mp4 and what is known of its source.

    `av_offset` (s) is the sound's start minus the picture's in the source, `zero` the source's time stamp (s) of
    frame 0; both are already put right in the clip's picture and sound.
    """
    judged = read_json(verdict)
    require_usable(judged)
    source = Media(**judged["media"])
    cut = resample_video(video, clip_video, start=start, end=end, crop=crop)
    info = asdict(source) | {"fps": FPS, "frames": cut.frames, "duration": cut.frames / FPS, "zero": cut.zero}
    info |= {"source_fps": source.fps, "source_frames": source.frames, "source_duration": source.duration}
    info["av_offset"] = source.audio_start - source.video_start if source.has_audio and source.has_video else None
    write_json(clip_info, info)
    logger.info("%s: %s frames at %s a second -> %d at %d", video, source.frames, source.fps, cut.frames, FPS)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        resample_clip(
            snakemake.input.video,
            snakemake.input.verdict,
            snakemake.output.video,
            snakemake.output.info,
            **dict(snakemake.params.items()),
        )
