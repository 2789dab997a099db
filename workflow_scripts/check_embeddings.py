"""Judge the user's own embeddings before any stage needs them, as the clips themselves are judged."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from models.registry import get_system
from toolkit.errors import InputError
from toolkit.files import read_json, write_json
from toolkit.log import job_log, logger
from toolkit.timing import frame_count


def check_embeddings(
    verdicts: Iterable[str | Path],
    wrong: str | Path,
    *,
    system: str,
    embeddings: str | Path,
    spans: Mapping[str, tuple[float | None, float | None]],
) -> None:
    """Write `wrong`, {clip: {"problem", "remedy"} of its embeddings}; that never fails for bad input.

    verdicts: JSON files of `inspect_clip`; unusable clips are not looked at. embeddings: the user's folder. spans: start
    and end (s) of each clip in its video, where it is cut.
    """
    speech = get_system(system).part("speech")
    found = {}
    for verdict in map(read_json, verdicts):
        if not verdict["usable"]:
            continue
        frames = _frames(verdict["media"], *spans[verdict["clip"]])
        try:
            speech.check_supplied(speech.find_supplied(embeddings, verdict["clip"]), frames)
        except InputError as error:
            found[verdict["clip"]] = {"problem": f"{error.subject}: {error.problem}", "remedy": error.remedy}
            logger.warning("%s", error)
    write_json(wrong, found)


def _frames(media: dict, start: float | None, end: float | None) -> int | None:
    """Video frames that the clip will have; None where its container does not count its pictures, nor so their time."""
    if end is None and media["frames"] is None:
        return None
    return frame_count((media["duration"] if end is None else end) - (start or 0.0))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        check_embeddings(snakemake.input.verdicts, snakemake.output.wrong, **snakemake.params)
