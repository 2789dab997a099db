"""A clip's frames as numbered pictures, for tools outside the workflow; nothing inside it reads them."""

from pathlib import Path

import cv2

from toolkit.files import atomic_folder
from toolkit.log import job_log, logger
from toolkit.media.frames import read_frames


def extract_frames(video: str | Path, folder: str | Path, *, quality: int = 95) -> None:
    """Write frame i of the clip as `folder`/{i + 1:06d}.jpg; the folder appears whole or not at all."""
    with atomic_folder(folder) as partial:
        for number, frame in enumerate(read_frames(video), 1):
            _, encoded = cv2.imencode(
                ".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
            )
            (partial / f"{number:06d}.jpg").write_bytes(encoded)
    logger.info("%s: %d frames", folder, number)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        extract_frames(snakemake.input.video, snakemake.output.frames, **dict(snakemake.params.items()))
