"""Find the speaker's 68 landmarks in every frame of a clip: tracked, so that the detector runs now and then only."""

from pathlib import Path

import numpy as np

from toolkit import devices
from toolkit.errors import InputError
from toolkit.faces.detectors import get_detector
from toolkit.faces.smoothing import smooth
from toolkit.faces.tracking import INTERVAL, track
from toolkit.files import write_npz
from toolkit.log import job_log, logger
from toolkit.media.frames import read_frames


def detect_landmarks(
    video: str | Path,
    landmarks: str | Path,
    *,
    detector: str = "dlib",
    face: str | int = "largest",
    interval: int = INTERVAL,
    smoothing: float = 0.0,
) -> None:
    """Write `points`, `box`, `score` and `ok` of one person (`toolkit.faces.tracking.Track`).

    detector: "dlib" or "face_alignment"; face: "largest" or a number counted from the left; interval: frames between
    two looks of the detector; smoothing: standard deviation, in frames, of a Gaussian in time (0: none).
    """
    try:
        with devices.lease(1 if detector == "face_alignment" else 0):
            found = track(read_frames(video), get_detector(detector), face=face, interval=interval)
    except InputError as error:
        raise InputError(video, f"{error.subject}: {error.problem}", error.remedy) from None
    points = smooth(found.points, smoothing, found.ok)
    write_npz(landmarks, points=points, box=found.box, score=found.score, ok=found.ok)
    logger.info("%s: a face in %d of %d frames", video, np.count_nonzero(found.ok), len(found.ok))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        detect_landmarks(snakemake.input.video, snakemake.output.landmarks, **snakemake.params)
