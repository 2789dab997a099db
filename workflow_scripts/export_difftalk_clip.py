"""One clip's frames, landmarks and speech windows as the published code of DiffTalk reads them, a file a frame."""

from pathlib import Path

import numpy as np

from models.registry import get_system
from toolkit.datasets.difftalk_export import check_speech, write_clip
from toolkit.log import job_log, logger
from toolkit.media.frames import read_frames


def export_difftalk_clip(
    view: str | Path, transform: str | Path, speech: str | Path, audio: str | Path, folder: str | Path
) -> None:
    """Write the folder of a clip (`toolkit.datasets.difftalk_export.write_clip`): pictures and landmarks of its view, and
    the windows of `speech`, DeepSpeech's features of its `audio`."""
    with np.load(transform, allow_pickle=False) as arrays:
        points = arrays["points"]
    features = np.load(speech, mmap_mode="r", allow_pickle=False)
    check_speech(features, len(points), speech)
    speech_windows = get_system("difftalk").part("windows").speech_windows
    windows = (speech_windows(features, [frame], len(points))[0] for frame in range(len(points)))
    write_clip(folder, read_frames(view), points, windows, audio)
    logger.info("%s: %d frames", folder, len(points))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        inputs = snakemake.input
        export_difftalk_clip(inputs.view, inputs.transform, inputs.speech, inputs.audio, snakemake.output.folder)
