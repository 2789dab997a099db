"""Bring the face of every frame onto a mean face, upright and in place, into a video of key frames for random access."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toolkit.errors import InputError
from toolkit.faces import similarity
from toolkit.faces.mean_face import alignment_matrices, placed, read_mean_face, residual
from toolkit.faces.warp import averaged, block_size, warp
from toolkit.files import write_npz
from toolkit.log import job_log, logger
from toolkit.media.frames import FrameReader, read_frames
from toolkit.media.writer import write_video

POOR = 0.03  # of the picture's side; faces seen from the front are within 0.005, those half turned away about 0.02


def align_faces(
    video: str | Path,
    landmarks: str | Path,
    aligned: str | Path,
    transform: str | Path,
    *,
    size: int = 128,
    mean_face: str = "main",
    scale: float | None = None,
    offset: Sequence[float] = (0.45, 0.5, 0.25),
    smoothing: int = 7,
    window: str = "centred",
) -> None:
    """Write the aligned faces (`size` x `size`, every frame a key frame) and how to get there: `matrices` (T, 2, 3), clip
    pixels -> aligned pixels, `size`, `points` (T, 68, 2) in aligned pixels, `ok` (T,), and `residual` (T,), the root mean
    square distance of the five stable points from the mean face's over the size.

    scale, offset: of the mean face (`toolkit.faces.mean_face.placed`); without a scale it fills the picture with the
    room that the offsets ask for. smoothing, window: how many frames a transform is estimated from, `centred` around its
    own or `forward` from it on, as published.
    """
    if size % 2:
        raise InputError("size", f"{size} is odd, which H.264 cannot store", f"Choose {size + 1}")
    with np.load(landmarks, allow_pickle=False) as arrays:
        points, ok = arrays["points"], arrays["ok"]
    with FrameReader(video) as frames:
        if len(frames) != len(points):
            problem = f"{len(frames)} frames, but {landmarks} holds {len(points)}"
            raise InputError(video, problem, "Delete both and let the workflow make them again")
    face = read_mean_face(mean_face)
    face = placed(face, scale or size / placed(face, 1, offset).height, offset).points
    matrices = alignment_matrices(points, face, smoothing, window)
    points = similarity.apply(matrices, points)
    block = block_size(matrices)
    frames = (warp(*averaged(*pair, block), size, size) for pair in zip(read_frames(video), matrices, strict=True))
    write_video(aligned, frames, intra=True)
    away = residual(points, face) / size
    write_npz(transform, matrices=matrices, size=np.array(size), points=points.astype(np.float32), ok=ok, residual=away)
    logger.info(
        "%s: median residual %.3f of the picture, 1 : %.2f", video, np.median(away), similarity.scale(matrices[0])
    )
    first = int(np.argmax(ok))
    if away[first] > POOR:
        logger.warning(
            "%s: frame %d, its first with a face, is poorly aligned (residual %.3f of the picture; %.3f is poor): a face that "
            "is turned away gives poor results as a reference",
            Path(video).stem,
            first,
            away[first],
            POOR,
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        align_faces(
            snakemake.input.video,
            snakemake.input.landmarks,
            snakemake.output.view,
            snakemake.output.transform,
            **snakemake.params,
        )
