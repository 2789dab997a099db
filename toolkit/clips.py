"""The user's list of clips: a table, a folder of videos, or the built-in demo."""

import csv
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import safe_name
from toolkit.media.box import Box, read_box

VIDEO_SUFFIXES = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}


@dataclass(frozen=True)
class ClipRow:
    """One row of the table. `start` and `end` cut the video (s); empty texts mean unknown.

    `truth` is a JSON file with the true `mouth_opening` per frame, where somebody knows it; `audio` a file with the
    clip's sound, which begins with the first picture, where the video itself does not hold it; `crop` the part of the
    picture that the clip is made of.
    """

    clip: str
    video: str
    start: float | None = None
    end: float | None = None
    speaker: str = ""
    split: str = ""
    truth: str = ""
    audio: str = ""
    crop: Box | None = None

    def as_dict(self) -> dict:
        return asdict(self)


def read_clips(source: str | Path, shipped: str | Path = ".") -> list[ClipRow]:
    """Rows of a TSV file, or one row per video of a folder (named by its stem, made safe for paths).

    `demo` is the table of the demo; a path that is not here may be one of the tables in the folder `shipped`.
    """
    source = Path("demo/clips.tsv" if source == "demo" else source)
    source = source if source.exists() or not Path(shipped, source).exists() else Path(shipped, source)
    if source.is_dir():
        rows = _folder(source)
    elif source.is_file():
        rows = _table(source)
    else:
        raise InputError(source, "no such file or folder", "Set `clips` to a TSV file, a folder of videos, or demo")
    if not rows:
        raise InputError(source, "lists no clip", "Add a row per clip, or videos to the folder")
    return rows


def _folder(folder: Path) -> list[ClipRow]:
    rows, taken = [], set()
    for video in sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES):
        stem, name, number = safe_name(video.stem), safe_name(video.stem), 2
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name)
        rows.append(ClipRow(name, str(video)))
    return rows


def _table(table: Path) -> list[ClipRow]:
    with table.open(encoding="utf-8-sig", newline="") as lines:
        # Quotes are ordinary letters: a path may hold them.
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        columns = reader.fieldnames or []
        _check_columns(table, columns)
        rows = [_row(table, number, record) for number, record in enumerate(reader, start=2)]
    twice = sorted(name for name, count in Counter(row.clip for row in rows).items() if count > 1)
    if twice:
        raise InputError(table, f"clip {twice[0]!r} stands in more than one row", "Give every clip a name of its own")
    return rows


def _check_columns(table: Path, columns: list[str]) -> None:
    known = set(ClipRow.__dataclass_fields__)
    missing, unknown = {"clip", "video"} - set(columns), set(columns) - known
    if missing:
        raise InputError(
            table, f"has no column {sorted(missing)[0]!r}", f"Columns are separated by tabs: {sorted(known)}"
        )
    if unknown:
        raise InputError(table, f"has an unknown column {sorted(unknown)[0]!r}", f"Known columns: {sorted(known)}")


def _row(table: Path, number: int, record: dict) -> ClipRow:
    where = f"{table}, line {number}"
    if None in record or None in record.values():
        raise InputError(where, "has another number of fields than the header", "Separate the fields by single tabs")
    text = {column: value.strip() for column, value in record.items()}
    if not text["clip"] or text["clip"] != safe_name(text["clip"]):
        remedy = f"Use letters, digits, '.', '-' and '_', for example {safe_name(text['clip'])!r}"
        raise InputError(where, f"clip name {text['clip']!r} is not safe as a file name", remedy)
    if text.get("split", "") not in ("", "train", "test"):
        raise InputError(where, f"split is {text['split']!r}", "Use train, test, or leave it empty")
    for column in ("start", "end"):
        text[column] = _seconds(where, column, text.get(column, ""))
    if text["start"] is not None and text["end"] is not None and text["end"] <= text["start"]:
        raise InputError(where, "ends before it starts", "Give `end` a larger time than `start` (seconds)")
    text["crop"] = read_box(where, text["crop"]) if text.get("crop") else None
    return ClipRow(**text)


def _seconds(where: str, column: str, text: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InputError(where, f"{column} is {text!r}", "Give seconds, for example 12.5")
    return seconds


@dataclass(frozen=True)
class Sources:
    """Every source by its name: the clips of the table, and pictures and speech that are named for dubbing alone."""

    clips: Mapping[str, ClipRow]
    pictures: Mapping[str, ClipRow]
    speech: Mapping[str, ClipRow]

    def __getitem__(self, name: str) -> ClipRow:
        """The row of a source; InputError where there is none of that name."""
        for rows in (self.clips, self.pictures, self.speech):
            if name in rows:
                return rows[name]
        raise InputError(name, "is named nowhere", "Add it to the clips table, or to `dub` in config.yaml")

    def required_tracks(self, name: str) -> list[str]:
        """What a source must hold: a clip both `video` and `audio`, a source for dubbing one of them."""
        if name in self.clips:
            return ["video", "audio"]
        return ["video"] * (name in self.pictures) + ["audio"] * (name in self.speech)

    def mouth_opening_file(self, name: str) -> str:
        """What tells how the mouth opens in a source: its truth where somebody knows it, else its landmarks."""
        return self[name].truth or f"results/landmarks/{name}.npz"


def read_sources(table: str | Path, dub: Mapping[str, Mapping[str, str]], shipped: str | Path = ".") -> Sources:
    """The clips of `table` (see `read_clips`) and what `dub` names: paths of `pictures` and `speech` by name."""
    clips = {row.clip: row for row in read_clips(table, shipped)}
    pictures = _dub_rows("pictures", dub["pictures"], clips)
    return Sources(clips, pictures, _dub_rows("speech", dub["speech"], clips | pictures))


def _dub_rows(kind: str, paths: Mapping[str, str], taken: Collection[str]) -> dict[str, ClipRow]:
    """Pictures or speech (`kind`) that are named for dubbing alone, by name; InputError for a name that is no safe file
    name or is taken."""
    for name in paths:
        if name != safe_name(name) or name in taken:
            remedy = f"Call it {safe_name(name)}_{kind}"
            raise InputError(f"dub.{kind}.{name}", "is no safe file name, or is taken", remedy)
    return {name: ClipRow(name, path) for name, path in paths.items()}
