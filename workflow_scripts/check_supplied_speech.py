"""Check the user's own speech features before any stage needs them, as the clips themselves are checked."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from models.speech.supplied import check_supplied, find_supplied
from toolkit.errors import InputError
from toolkit.files import read_json, write_json
from toolkit.log import job_log, logger
from toolkit.timing import frame_count


def check_supplied_speech(
    verdicts: Iterable[str | Path],
    wrong: str | Path,
    *,
    folder: str | Path,
    rate: int,
    spans: Mapping[str, tuple[float | None, float | None]],
) -> None:
    """Write `wrong`, {clip: {"problem", "remedy"} of its features}; that never fails for bad input.

    verdicts: JSON files of `inspect_clip`; unusable clips are not looked at. folder, rate: of the entry. spans:
    start and end (s) of each clip in its video, where it is cut.
    """
    records = {}
    for verdict in map(read_json, verdicts):
        if not verdict["usable"]:
            continue
        frames = _frames(verdict["media"], *spans[verdict["clip"]])
        try:
            check_supplied(find_supplied(folder, verdict["clip"]), frames, rate)
        except InputError as error:
            records[verdict["clip"]] = {"problem": f"{error.subject}: {error.problem}", "remedy": error.remedy}
            logger.warning("%s", error)
    write_json(wrong, records)


def _frames(media: dict, start: float | None, end: float | None) -> int | None:
    """Video frames that the clip will have; None where its container does not count its pictures, nor so their time."""
    if end is None and media["frames"] is None:
        return None
    return frame_count((media["duration"] if end is None else end) - (start or 0.0))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        check_supplied_speech(snakemake.input.verdicts, snakemake.output.wrong, **snakemake.params)
