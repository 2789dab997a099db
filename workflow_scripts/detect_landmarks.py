"""Find one person's face in every frame of a clip: 68 landmarks, the box, and whether the face was seen at all.

The track is made once, in one pass, and every later stage reads it. Frames without the face are interpolated, marked and counted.
"""

from pathlib import Path

from toolkit.errors import InputError
from toolkit.faces.detectors import detector as face_detector
from toolkit.faces.smoothing import smooth
from toolkit.faces.tracking import track
from toolkit.files import write_npz
from toolkit.log import job_log, logger
from toolkit.media.frames import read_frames


def detect_landmarks(
    video: str | Path,
    landmarks: str | Path,
    *,
    detector: str = "dlib",
    face: str | int = "largest",
    interval: int = 25,
    smoothing: float = 0.0,
) -> None:
    """Write points (T, 68, 2), box (T, 4), score (T,) and ok (T,) of the clip, in its pixels.

    face: "largest", or a number counted from the left; interval: frames between two looks of the detector; smoothing: standard
    deviation, in frames, of a Gaussian over the points in time.
    """
    try:
        found = track(read_frames(video), face_detector(detector), face=face, interval=interval)
    except InputError as error:
        raise InputError(video, error.problem, error.remedy) from error
    points = smooth(found.points, smoothing, found.ok)
    write_npz(landmarks, points=points, box=found.box, score=found.score, ok=found.ok)
    logger.info("%s: the face is seen in %d of %d frames", video, found.ok.sum(), len(found.ok))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        detect_landmarks(snakemake.input.video, snakemake.output.landmarks, **snakemake.params)
