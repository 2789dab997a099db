"""A clip's sound as every later stage reads it: 16 kHz, one channel, 640 samples for each video frame, in step."""

from pathlib import Path

from toolkit.files import read_json
from toolkit.log import job_log, logger
from toolkit.media.audio import extract_sound
from toolkit.media.check import require_usable
from toolkit.media.probe import Media
from toolkit.timing import frame_count


def extract_audio(
    source: str | Path,
    verdict: str | Path,
    audio: str | Path,
    *,
    clip_info: str | Path | None = None,
    start: float | None = None,
    end: float | None = None,
) -> None:
    """Write the wav of a clip whose picture was resampled (`clip_info`), or of a file wanted for its sound alone.

    source: the clip's video, or the file with its sound, which begins with the video's first picture.
    start, end: the cut of the latter, in seconds from its first picture (its first sound, where there is no picture);
    the clip's is known from `clip_info`.
    """
    judged = read_json(verdict)
    require_usable(judged)
    if clip_info is not None:
        clip = read_json(clip_info)
        zero, frames = clip["zero"], clip["frames"]
        if judged["sound"]:
            zero += _beginning(Media(**judged["sound"])) - clip["video_start"]
    else:
        media = Media(**judged["media"])
        zero = _beginning(media) + (start or 0.0)
        frames = None if end is None else frame_count(end - (start or 0.0))
    extract_sound(source, audio, zero=zero, frames=frames)
    logger.info("%s: sound from %.3f s, %s frames", source, zero, frames or "all")


def _beginning(media: Media) -> float:
    """Time stamp (s) of a file's first picture, or of its first sound where there is no picture."""
    return media.video_start if media.has_video else media.audio_start


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        extract_audio(
            snakemake.input.source,
            snakemake.input.verdict,
            snakemake.output.audio,
            clip_info=snakemake.input.get("info") or None,
            **dict(snakemake.params.items()),
        )
