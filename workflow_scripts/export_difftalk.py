"""The data folder of DiffTalk's published code, out of the exported clips: second names of their files, and the lists."""

from collections.abc import Iterable
from pathlib import Path

from toolkit.datasets.difftalk_export import SHORTEST, ExportedClip, join_clips
from toolkit.log import job_log, logger


def export_difftalk(clips: Iterable[str | Path], train: str | Path, test: str | Path, folder: str | Path) -> None:
    """Write the data folder of `clips`, folders with a clip's name each (`export_difftalk_clip`); `train` and `test` list who
    is on which side. Identities are numbered in the order of `clips`."""
    sides = {side: Path(path).read_text(encoding="utf-8").split() for side, path in (("train", train), ("test", test))}
    short = join_clips(folder, [ExportedClip(Path(clip).name, Path(clip)) for clip in clips], sides)
    if short:
        words = "%d training clips have fewer than %d frames, for example %s: the published training stops at them"
        logger.warning(words, len(short), SHORTEST, short[0])


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        inputs = snakemake.input
        export_difftalk(inputs.clips, inputs.train, inputs.test, snakemake.output.folder)
