"""A batch of pairs that keeps what it finished when it is killed.

A job that is killed loses its output, so the videos are made in a folder beside it. Started again, the job takes over
those that are finished, as long as nothing that decides their pictures has changed; as it does from other batches where
pairs have been grouped anew.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from models.sampling import name_of, sample_pairs
from models.system import Clip
from toolkit.files import link, read_json, sha256, write_json
from toolkit.log import logger
from toolkit.media.masks import mask_file

_FINGERPRINTS = ".fingerprints.json"


def sample_batch(
    clips: list[Clip], batch: str | Path, *, weights: dict[str, Path], speed: dict | None = None, **settings: object
) -> None:
    """Write each pair's video into the new folder `batch`, or as `{pair}.json` why it cannot be sampled: a job that fails
    loses its whole batch.

    clips, weights, settings: as `sample_pairs` takes them; `speed` are options that change no picture.
    """
    batch = Path(batch)
    partial = batch.with_name(f".{batch.name}")
    finished = _take_over(partial, _fingerprints(clips, weights, settings))
    if finished:
        logger.info("%d of %d videos are finished already", len(finished), len(clips))
    left = [clip for clip in clips if name_of(clip) not in finished]
    settings = settings | {"options": settings["options"] | (speed or {})}
    for name, error in sample_pairs(left, partial, weights=weights, **settings).items():
        record = {"subject": error.subject, "problem": error.problem, "remedy": error.remedy}
        write_json(partial / f"{name}.json", record)
    os.replace(partial, batch)


def _fingerprints(clips: list[Clip], weights: dict[str, Path], settings: dict) -> dict[str, str]:
    """A digest, for each pair by name, of all that decides its pictures: settings, weights, its own files."""
    shared = [settings, {name: sha256(path) for name, path in sorted(weights.items())}]
    fingerprints = {}
    for clip in clips:
        files = {kind: sha256(path) for kind, path in sorted(clip.files.items())}
        content = json.dumps([name_of(clip), files, *shared], sort_keys=True)
        fingerprints[name_of(clip)] = hashlib.sha256(content.encode()).hexdigest()
    return fingerprints


def _take_over(partial: Path, fingerprints: dict[str, str]) -> set[str]:
    """Names of the pairs whose videos, of these fingerprints, lie in `partial` or are now linked from batches beside it;
    whatever else lies in `partial` is removed."""
    records = {}
    for path in partial.parent.glob(f"*/{_FINGERPRINTS}"):
        with suppress(FileNotFoundError):  # of a batch that another job moves into place just now
            records[path.parent] = read_json(path)
    here = records.get(partial, {})
    valid = {name for name, fingerprint in fingerprints.items() if here.get(name) == fingerprint}
    kept = {path for name in valid for path in _files(partial, name)} | {partial / _FINGERPRINTS}
    for path in partial.glob("*"):
        if path not in kept:
            path.unlink()
    write_json(partial / _FINGERPRINTS, fingerprints)
    for folder, before in records.items():
        for name, fingerprint in fingerprints.items():
            if before.get(name) == fingerprint and not (partial / f"{name}.mp4").is_file():
                with suppress(FileNotFoundError):
                    for source, target in zip(_files(folder, name), _files(partial, name), strict=True):
                        if source.suffix == ".mp4" or source.exists():  # the masks, where there are any, go first
                            link(source, target)
    return {name for name in fingerprints if (partial / f"{name}.mp4").is_file()}


def _files(folder: Path, name: str) -> tuple[Path, Path]:
    """A pair's masks, if the system brings them, and its video."""
    video = folder / f"{name}.mp4"
    return mask_file(video), video
