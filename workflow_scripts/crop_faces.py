"""Cut the same square around the face out of every frame of a clip.

The square is fixed for the whole clip, as a camera would be, and never leaves the frame. Every frame of the crop is a key frame,
since training reads frames at random.
"""

from pathlib import Path

import numpy as np

from toolkit.faces.crop import crop_frame, face_square, to_crop
from toolkit.files import write_npz
from toolkit.log import job_log, logger
from toolkit.media.frames import read_frames
from toolkit.media.probe import probe
from toolkit.media.writer import write_video


def crop_faces(
    video: str | Path,
    landmarks: str | Path,
    crop: str | Path,
    transform: str | Path,
    *,
    size: int = 256,
    expand: float = 0.6,
) -> None:
    """Write the crop (size x size) and its transform: `square` (left, top, side in clip pixels), `size`, `points`, `ok`."""
    with np.load(landmarks, allow_pickle=False) as arrays:
        points, box, ok = arrays["points"], arrays["box"], arrays["ok"]
    media = probe(video)
    square = face_square(box, ok, media.height, media.width, expand)
    write_video(crop, (crop_frame(frame, square, size) for frame in read_frames(video)), crf=10, intra=True)
    cropped = to_crop(points, square, size).astype(np.float32)
    write_npz(transform, square=np.array(square), size=np.array(size), points=cropped, ok=ok)
    logger.info("%s: %s of %dx%d", video, square, media.width, media.height)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        crop_faces(
            snakemake.input.video,
            snakemake.input.landmarks,
            snakemake.output.crop,
            snakemake.output.transform,
            **snakemake.params,
        )
