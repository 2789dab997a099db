"""Judge once whether a clip can be used, before any other stage meets it: its headers, everything that it promises to
hold, and a face to be seen. The verdict is a file, so that one bad video never stops the others."""

from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from toolkit.errors import InputError
from toolkit.files import write_json
from toolkit.log import job_log, logger
from toolkit.media.box import Box, require_inside
from toolkit.media.check import decode, require_whole
from toolkit.media.probe import Media, probe

_LONGEST_SIDE = 800  # pixels: a talking head is then far above the detector's 80


def inspect_clip(
    video: str | Path,
    verdict: str | Path,
    *,
    clip: str,
    sound: str | Path | None = None,
    start: float | None = None,
    end: float | None = None,
    crop: Box | None = None,
    max_missing: float = 0.2,
    needs: tuple[str, ...] = ("video", "audio"),
) -> None:
    """Write the verdict on a clip: {"clip", "video", "usable", "problem", "remedy", "media", "sound", "faces"}.

    Never fails for bad input: what is wrong with it is the verdict.

    crop: the part of the picture that the clip takes, where a face must be seen.
    sound: the file with the clip's sound where the video does not hold it; `sound` of the verdict is its `media`.
    max_missing: share of frames (one looked at in each second) that may be without a face.
    needs: what the clip must have: "video" (a picture will do), "audio", or both.
    """
    record = {"clip": clip, "video": str(video), "usable": True, "problem": None, "remedy": None}
    record |= {"media": None, "sound": None, "faces": None}
    try:
        media = probe(video)
        record["media"] = asdict(media)
        here = tuple(need for need in needs if need != "audio" or sound is None)
        record["faces"] = _judge(video, media, start or 0.0, end, max_missing, here, crop)
        if sound is not None:
            record["sound"] = asdict(_judge_sound(sound, start or 0.0, end))
        logger.info("%s: usable (%s)", video, record["faces"])
    except InputError as error:
        record |= {"usable": False, "problem": error.problem, "remedy": error.remedy}
        logger.warning("%s", error)
    write_json(verdict, record)


def _judge(
    video: str | Path,
    media: Media,
    start: float,
    end: float | None,
    max_missing: float,
    needs: tuple[str, ...],
    crop: Box | None = None,
) -> dict | None:
    """Raise `InputError` for what makes a clip unusable; return how many frames were looked at and had a face."""
    if "video" in needs and not media.has_video:
        raise InputError(video, "it has no video track", "Give a video or a picture of the speaker")
    if "audio" in needs and not media.has_audio:
        raise InputError(video, "it has no audio track", "Give a video with sound, or name a sound file for it")
    if end is not None and end <= start:
        raise InputError(video, f"nothing lies between {start:g} s and {end:g} s", "Correct the clip's start and end")
    if crop is not None:
        require_inside(video, crop, media.width, media.height)
    faces = []
    find = _face_finder() if "video" in needs else lambda picture: False
    found = decode(
        video, media, start=start, end=end, look=lambda picture: faces.append(find(_cut(picture, media, crop)))
    )
    require_whole(video, media, found, start=start, end=end, needs=needs)
    if "video" not in needs:
        return None
    missing = faces.count(False)
    if missing > max_missing * len(faces):
        problem = f"no face is seen in {missing} of {len(faces)} frames (one a second), {max_missing:.0%} are allowed"
        raise InputError(video, problem, "Cut the clip to where the speaker is seen, or raise inspection: max_missing")
    return {"looked": len(faces), "found": len(faces) - missing}


def _cut(picture: np.ndarray, media: Media, crop: Box | None) -> np.ndarray:
    """The part of an upright picture that the clip takes; a box counts pixels that are square."""
    if crop is None:
        return picture
    if picture.shape[1] != media.width:
        picture = cv2.resize(picture, (media.width, media.height), interpolation=cv2.INTER_LINEAR)
    return crop.cut(picture)


def _judge_sound(sound: str | Path, start: float, end: float | None) -> Media:
    """Raise `InputError`, which names the file, for what makes a clip's separate sound unusable; return what it holds."""
    try:
        media = probe(sound)
        _judge(sound, media, start, end, 0.0, ("audio",))
    except InputError as error:
        raise InputError(sound, f"its sound file {sound} cannot be used: {error.problem}", error.remedy) from error
    return media


def _face_finder():
    """A function that tells whether a face is seen in an RGB picture, looking at a reduced copy."""
    from toolkit.faces.detectors import get_detector

    dlib = get_detector("dlib")

    def find(picture: np.ndarray) -> bool:
        scale = min(1.0, _LONGEST_SIDE / max(picture.shape[:2]))
        reduced = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
        boxes, _ = dlib.find(reduced)
        return len(boxes) > 0

    return find


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        inspect_clip(
            snakemake.input.video,
            snakemake.output.verdict,
            sound=snakemake.input.get("sound") or None,
            **dict(snakemake.params.items()),
        )
