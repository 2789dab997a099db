"""What every importer's command does: names that are free, a table that is written whole, mistakes that are all named at once."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path, PurePosixPath

from toolkit.clips import ClipRow
from toolkit.errors import InputError
from toolkit.files import safe_name, write_text

_ALWAYS = ("clip", "video")


def free_name(text: str, taken: set[str]) -> str:
    """A clip name made from `text` that is not taken; it is taken from now on."""
    names = (safe_name(text if number == 1 else f"{text}_{number}") for number in count(1))
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return name


def first_file(folder: Path, stem: str | PurePosixPath, suffixes: Iterable[str]) -> Path | None:
    """The file of that name and one of these suffixes that is there."""
    files = (folder / f"{stem}{suffix}" for suffix in suffixes)
    return next((file for file in files if os.path.isfile(file)), None)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file of the user's, without the blanks at their ends; InputError where it is no text."""
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n")]
    except FileNotFoundError:
        raise InputError(path, "no such file", "Name the lists that there are, or leave the option out") from None
    except UnicodeDecodeError:
        raise InputError(path, "is not UTF-8 text", "Save it as text") from None


def write_table(table: Path, clips: Sequence[ClipRow]) -> None:
    """Write rows as a clips table (`toolkit.clips.read_clips`), with the columns that some row fills."""
    for row in clips:
        if not (row.video + row.audio).isprintable():
            raise InputError(repr(row.video + row.audio), "holds a control character", "Rename the folder or file")
    columns = [name for name in ClipRow.__dataclass_fields__ if name in _ALWAYS or any(map(_filled(name), clips))]
    lines = [columns, *([_text(getattr(row, column)) for column in columns] for row in clips)]
    write_text(table, "".join("\t".join(line) + "\n" for line in lines))


def _filled(column: str) -> Callable[[ClipRow], bool]:
    return lambda row: getattr(row, column) not in (None, "")


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """The options of every importer: `--output` and `--skip`."""
    parser.add_argument("--output", type=Path, default=Path("clips.tsv"), help="the clips table to write")
    parser.add_argument("--skip", action="store_true", help="leave out what cannot be used instead of writing nothing")


def finish(clips: Sequence[ClipRow], problems: Sequence[InputError], output: Path, *, skip: bool) -> int:
    """Name every problem; write the table unless there are any (`skip`: of the clips that have none). The exit status."""
    for problem in problems:
        print(problem, file=sys.stderr)
    if not clips or (problems and not skip):
        print(f"{len(problems)} problems; nothing written (--skip leaves such clips out)", file=sys.stderr)
        return 1
    try:
        write_table(output, clips)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    _summarise(clips, output)
    return 0


def _summarise(clips: Sequence[ClipRow], table: Path) -> None:
    """Say how many clips and speakers are on each side, and whether somebody is on both."""
    speakers: dict[str, set[str]] = {}
    for side in ("train", "test", ""):
        rows = [row for row in clips if row.split == side]
        speakers[side] = {row.speaker for row in rows if row.speaker}
        if rows:
            print(f"{table}: {side or 'undecided'}: {len(rows)} clips, {len(speakers[side])} speakers")
    if speakers["test"] and not speakers["train"]:
        print("nobody is left to train with: --rest train takes the clips that no list names", file=sys.stderr)
    both = speakers["train"] & speakers["test"]
    if both:
        print(f"{len(both)} speakers are on both sides, for example {min(both)}: scores will flatter", file=sys.stderr)
