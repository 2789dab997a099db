"""Draw a batch of pairs side by side, into a folder of their videos.

A job that is killed loses its output, so the videos are made in a folder beside it. Started again, the job takes over
those that are finished, as long as nothing that decides their pictures has changed; as it does from other batches where
pairs have been dealt anew.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from models.drawing import Pair, draw
from models.system import Clip
from toolkit.files import link, read_json, sha256, write_json
from toolkit.log import job_log, logger

_CODE = [
    path
    for folder in ("models", "toolkit", "workflow_scripts")
    for path in Path(__file__).parents[1].glob(f"{folder}/**/*.py")
]
_MADE_FROM = ".made_from.json"


def draw_batch(pairs: list[Pair], batch: str | Path, *, weights: dict[str, Path], **settings: object) -> None:
    """Write each pair's video into the new folder `batch`, or as `{pair}.json` why it cannot be drawn: a job that fails
    loses its whole batch.

    weights, settings: as `draw` takes them.
    """
    batch = Path(batch)
    making = batch.with_name(f".{batch.name}")
    finished = _take_over(making, _origins(pairs, weights, settings))
    if finished:
        logger.info("%d of %d videos are finished already", len(finished), len(pairs))
    left = [pair for pair in pairs if pair.name not in finished]
    for name, error in draw(left, making, weights=weights, **settings).items():
        about = {"subject": error.subject, "problem": error.problem, "remedy": error.remedy}
        write_json(making / f"{name}.json", about)
    os.replace(making, batch)


def _origins(pairs: list[Pair], weights: dict[str, Path], settings: dict) -> dict[str, str]:
    """A digest, for each pair by name, of all that decides its pictures: settings, weights, its own files, our code."""
    shared = [settings, *map(sha256, [*weights.values(), *sorted(_CODE)])]
    origins = {}
    for pair in pairs:
        files = [pair.reference.crop, pair.reference.transform, pair.audio, *filter(None, [pair.speech])]
        content = json.dumps([pair.name, *map(sha256, files), *shared], sort_keys=True)
        origins[pair.name] = hashlib.sha256(content.encode()).hexdigest()
    return origins


def _take_over(making: Path, origins: dict[str, str]) -> set[str]:
    """Names of the pairs whose videos, of these origins, lie in `making` or are now linked from batches beside it; whatever
    else lies in `making` is removed."""
    records = {}
    for path in making.parent.glob(f"*/{_MADE_FROM}"):
        with suppress(FileNotFoundError):  # of a batch that another job moves into place just now
            records[path.parent] = read_json(path)
    here = records.get(making, {})
    for path in making.glob("*"):
        of_origin = path.stem in origins and here.get(path.stem) == origins[path.stem]
        if path.name != _MADE_FROM and not (path.suffix == ".mp4" and of_origin):
            path.unlink()
    write_json(making / _MADE_FROM, origins)
    for folder, before in records.items():
        for name, origin in origins.items():
            video = making / f"{name}.mp4"
            if before.get(name) == origin and not video.is_file():
                with suppress(FileNotFoundError):
                    link(folder / video.name, video)
    return {name for name in origins if (making / f"{name}.mp4").is_file()}


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        files = (snakemake.input[kind] for kind in ("crop", "transform", "audio", "speech"))
        draw_batch(
            [
                Pair(Clip(Path(crop).stem, Path(crop), Path(transform)), Path(audio), Path(speech))
                for crop, transform, audio, speech in zip(*files, strict=True)
            ],
            snakemake.output.samples,
            weights={Path(path).stem: Path(path) for path in snakemake.input.weights},
            **snakemake.params,
        )
