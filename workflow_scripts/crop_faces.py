"""Cut the square around the speaker's face, the same in every frame, into a video of key frames for random access."""

from pathlib import Path

import numpy as np

from toolkit.errors import InputError
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
    """Write the crop (`size` x `size`, every frame a key frame) and how to get there: `square` (left, top, side in clip
    pixels), `size`, `points` (T, 68, 2) in crop pixels, `ok` (T,).

    expand: how much wider than the face the square is (the published square).
    """
    if size % 2:
        raise InputError("size", f"{size} is odd, which H.264 cannot store", f"Choose {size + 1}")
    with np.load(landmarks, allow_pickle=False) as arrays:
        points, box, ok = arrays["points"], arrays["box"], arrays["ok"]
    media = probe(video)
    square = face_square(box, ok, media.height, media.width, expand)
    written = write_video(crop, (crop_frame(frame, square, size) for frame in read_frames(video)), intra=True)
    if written != len(points):
        problem = f"{written} frames, but {landmarks} holds {len(points)}"
        raise InputError(video, problem, "Delete both and let the workflow make them again")
    points = to_crop(points, square, size).astype(np.float32)
    write_npz(transform, square=np.array(square), size=np.array(size), points=points, ok=ok)
    logger.info("%s: square %s of %d x %d", video, tuple(square), media.width, media.height)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        crop_faces(
            snakemake.input.video,
            snakemake.input.landmarks,
            snakemake.output.view,
            snakemake.output.transform,
            **snakemake.params,
        )
