"""Who trains and who is tested, and which speech each test video is dubbed with.

Speakers are kept apart: all clips of one speaker are on the same side, so that a test face was never seen. Where no
speaker is named, the clip counts as a speaker of its own. An explicit `split` in the table wins.
"""

import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import read_json, write_text
from toolkit.log import job_log

logger = logging.getLogger("talkflow")


def split_clips(
    verdicts: Iterable[str | Path],
    train: str | Path,
    test: str | Path,
    pairs: str | Path,
    *,
    clips: Sequence[dict],
    test_share: float = 0.2,
    crossed: int = 1,
    seed: int = 0,
    speech: Iterable[str | Path] = (),
) -> None:
    """Write the lists `train` and `test` (a clip per line) and the table `pairs` (pair, video, audio, kind).

    verdicts: JSON files with `clip` and `usable`; unusable clips are left out
    speech: JSON files, by clip, of what is wrong with speech features of the user's own; such clips are left out too
    clips: rows with `clip`, `speaker` and `split`, empty where unknown
    test_share: of the speakers whose side no `split` decides; one is tested and one trained with at least, if possible
    crossed: with how many other test clips' speech each test video is paired, beside its own
    """
    usable = {verdict["clip"] for verdict in map(read_json, verdicts) if verdict["usable"]}
    usable = usable.difference(*map(read_json, speech))
    rows = [row for row in clips if row["clip"] in usable]
    if not rows:
        remedy = "The files below results/inspected say what is wrong with each"
        raise InputError("clips", f"none of the {len(clips)} clips is usable", remedy)
    dice = random.Random(seed)
    sides = _sides(rows, test_share, dice)
    for side, other in (("train", "test"), ("test", "train")):
        if not sides[side]:
            logger.warning("no clip is left to %s with: the %s clips do both, and scores say little", side, other)
            sides[side] = sides[other]
    write_text(train, "".join(f"{clip}\n" for clip in sides["train"]))
    write_text(test, "".join(f"{clip}\n" for clip in sides["test"]))
    table = [("pair", "video", "audio", "kind"), *_pairs(sides["test"], crossed, dice)]
    write_text(pairs, "".join("\t".join(line) + "\n" for line in table))


def _sides(rows: list[dict], test_share: float, dice: random.Random) -> dict[str, list[str]]:
    """Clips to train and to test with, in the table's order."""
    speakers = {row["clip"]: (row["speaker"], "" if row["speaker"] else row["clip"]) for row in rows}
    decided = {speakers[row["clip"]]: row["split"] for row in rows if row["split"]}
    if not decided and len(rows) > 1 and len(set(speakers.values())) == 1:
        logger.warning("there is one speaker only: test clips are new sentences of a face that training has seen")
        speakers = {row["clip"]: ("", row["clip"]) for row in rows}
    undecided = sorted(set(speakers.values()) - set(decided))
    least = 0 if "test" in decided.values() else 1
    most = len(undecided) - (0 if "train" in decided.values() else 1)
    count = max(min(max(round(test_share * len(undecided)), least), most), 0)
    tested = set(dice.sample(undecided, count))
    sides: dict[str, list[str]] = {"train": [], "test": []}
    for row in rows:
        speaker = speakers[row["clip"]]
        side = row["split"] or decided.get(speaker) or ("test" if speaker in tested else "train")
        sides[side].append(row["clip"])
    return sides


def _pairs(clips: list[str], crossed: int, dice: random.Random) -> Iterator[tuple[str, str, str, str]]:
    """Every test video with its own speech, then round a shuffled circle with that of its next `crossed` neighbours."""
    circle = dice.sample(clips, len(clips))
    for step in range(min(crossed, len(clips) - 1) + 1):
        for video, audio in zip(circle, circle[step:] + circle[:step], strict=True):
            yield f"{video}--{audio}", video, audio, "crossed" if step else "self"


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        split_clips(
            snakemake.input.verdicts,
            snakemake.output.train,
            snakemake.output.test,
            snakemake.output.pairs,
            speech=snakemake.input.speech,
            **snakemake.params,
        )
