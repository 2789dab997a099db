"""The kinds of speech features: what an entry of `speech:` in the configuration can be.

The module of a kind, imported when it is needed and not before, has

    extract(samples, entry, source) -> iterator of blocks (n, ...): the rows of a recording in order

where `samples` is a `toolkit.speech.Recording`, `entry` the entry of the configuration, and `source` the file of the
encoder's weights or of the user's own features, where the kind has one.
"""

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from toolkit.errors import InputError
from toolkit.settings import read_schema


@dataclass(frozen=True)
class SpeechKind:
    """package: its module in `models.speech`; rate: rows a second, 50 or 25 (two or one a video frame), None where the
    entry says so; is_network: whether it takes a GPU; weights: the network of `models.speech.checkpoints` whose weights
    `source` is, where the entry does not name a file."""

    package: str
    rate: int | None
    is_network: bool = False
    weights: str | None = None

    @property
    def module(self) -> ModuleType:
        return import_module(f"models.speech.{self.package}")


KINDS = {
    "mel": SpeechKind("spectral", 50),
    "mfcc": SpeechKind("spectral", 50),
    "hubert": SpeechKind("encoders", 50, is_network=True),
    "wav2vec2": SpeechKind("encoders", 50, is_network=True),
    "whisper": SpeechKind("encoders", 50, is_network=True),
    "sda": SpeechKind("sda", 25, is_network=True, weights="sda"),
    "deepspeech": SpeechKind("deepspeech", 50, is_network=True, weights="deepspeech"),
    "deepspeech_by_frame": SpeechKind("deepspeech", 25, is_network=True, weights="deepspeech"),
    "files": SpeechKind("supplied", None),
}


def rate_of(entry: dict) -> int:
    """Rows a second of an entry's features."""
    return KINDS[entry["kind"]].rate or entry["rate"]


def entry_schemas(entries: dict) -> dict[str, dict]:
    """The JSON schema of each entry of `speech:`, by its kind; InputError where an entry names none."""
    schemas = read_schema(Path(__file__).with_name("entries.schema.yaml"))
    chosen = {}
    for name, entry in entries.items():
        subject = f"configuration, speech.{name}"
        if not re.fullmatch(r"\w+", str(name)):
            raise InputError(subject, "is no name for an entry", "Use letters, digits and underscores")
        if not isinstance(entry, dict) or "kind" not in entry:
            remedy = (
                "Every entry has a kind and options of its own now: {hubert: {kind: hubert, model: ..., layer: all}}"
            )
            raise InputError(subject, "this is not an entry of speech features", remedy)
        if entry["kind"] not in schemas:
            raise InputError(subject, f"there is no kind {entry['kind']!r}", f"Choose from {', '.join(schemas)}")
        chosen[name] = schemas[entry["kind"]]
    return chosen


def check_entry(subject: str, name: str, entries: dict) -> None:
    """Refuse the name of an entry that is not in the table."""
    if name not in entries:
        raise InputError(subject, f"there is no entry {name!r} under `speech:`", f"Choose from {', '.join(entries)}")
