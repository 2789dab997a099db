"""File lists as Diffused Heads' users have them, with `video` and `audio` folders, become a clips table:

    python -m toolkit.datasets.diffused_heads --data DIR --output clips.tsv

Each line of a list names a video below the video folder ("./s15/1015_DFA_ANG_XX.mp4"); its sound lies under the same
name in the audio folder. The lists' own names tell who trains and who is tested.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from toolkit.clips import VIDEO_SUFFIXES, ClipRow
from toolkit.datasets.table import add_output_options, finish, first_file, free_name, read_lines
from toolkit.errors import InputError

# The test actors of CREMA: every clip of theirs, 820 in all, is in the published list.
CREMA_TEST = ("15", "20", "21", "30", "33", "52", "62", "81", "82", "89")

LAYOUTS = (("video", "audio"), ("videos/train", "audio/train"), ("cropped_videos", "audio"))  # usual, vox, avspeech
_SOUNDS = (".wav", ".mp3")
_EMBEDDINGS = (".pth", ".npy", ".safetensors")
_CREMA = re.compile(r"1(\d{3})_[A-Z]{3}_")  # 1000 + actor, sentence, then emotion and intensity


@dataclass(frozen=True)
class Entry:
    """A video that somebody named: where it was named, its path below the video folder, and its side, if known."""

    where: str
    path: PurePosixPath
    split: str = ""

    @property
    def speaker(self) -> str:
        """CREMA's actor (1015_DFA_ANG_XX: 15), else the first folder, else unknown."""
        crema = _CREMA.match(self.path.name)
        if crema:
            return str(int(crema[1]))
        return self.path.parts[0] if len(self.path.parts) > 1 else ""


def find_layout(data: Path) -> tuple[Path, Path]:
    """The folders of videos and of sound below `data`."""
    for video, audio in LAYOUTS:
        if (data / video).is_dir() and (data / audio).is_dir():
            return data / video, data / audio
    pairs = "; ".join(f"{video}/ and {audio}/" for video, audio in LAYOUTS)
    raise InputError(data, "has no folders of videos and of sound", f"It must hold one of these pairs: {pairs}")


def read_list(path: Path) -> tuple[list[Entry], list[InputError]]:
    """The entries of one list, and what is wrong with each other line."""
    sides = set(re.findall("train|test", path.name))
    if len(sides) != 1:
        raise InputError(path, "its name tells neither `train` nor `test`", "Name it like file_list_train.txt")
    (split,) = sides
    entries, problems = [], []
    for number, line in enumerate(read_lines(path), start=1):
        where, name = f"{path.name}, line {number}", PurePosixPath(line.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts:
            problems.append(InputError(where, f"{str(name)!r} lies outside the video folder", "Name a file below it"))
        elif name.suffix.lower() in VIDEO_SUFFIXES:
            entries.append(Entry(where, name, split))
        elif name.name:
            entries.append(Entry(where, PurePosixPath(f"{name}.mp4"), split))
    return entries, problems


def videos_below(folder: Path, split: str = "") -> list[Entry]:
    """Every video below a folder, in order of its name."""
    found = sorted(path for path in folder.rglob("[!.]*") if path.suffix.lower() in VIDEO_SUFFIXES)
    return [Entry(str(path), PurePosixPath(path.relative_to(folder).as_posix()), split) for path in found]


def by_actor(entries: Iterable[Entry], tested: Sequence[str]) -> list[Entry]:
    """The entries with their side: `test` for those of the actors named (15 or s15), `train` for all others."""
    entries, tested = list(entries), {actor.removeprefix("s") for actor in tested}
    unknown = tested - {entry.speaker.removeprefix("s") for entry in entries}
    if unknown:
        raise InputError("--test-actors", f"no clip is of {', '.join(sorted(unknown))}", "Name actors that are there")
    sides = ("train", "test")
    return [replace(entry, split=sides[entry.speaker.removeprefix("s") in tested]) for entry in entries]


def rows(entries: Iterable[Entry], videos: Path, sounds: Path) -> tuple[dict[Entry, ClipRow], list[InputError]]:
    """A row of the clips table for each entry whose two files are there, and what is wrong with each other entry."""
    found: dict[Entry, ClipRow] = {}
    problems, first, taken = [], {}, set()
    for entry in entries:
        path, stem = entry.path, entry.path.with_suffix("")
        video, sound = videos / path, first_file(sounds, stem, _SOUNDS)
        if path in first:
            problems.append(InputError(entry.where, f"{path} was named in {first[path]} already", "Remove one"))
        elif not str(video).isprintable():
            problems.append(InputError(entry.where, f"{str(path)!r} holds a control character", "Rename the file"))
        elif not os.path.isfile(video):
            problems.append(InputError(entry.where, f"{video} does not exist", "Correct the name, or remove the line"))
        elif sound is None:
            wanted = " nor ".join(f"{sounds / stem}{suffix}" for suffix in _SOUNDS)
            problems.append(InputError(entry.where, f"there is neither {wanted}", "Extract the video's sound to there"))
        else:
            name = free_name("_".join(stem.parts), taken)
            row = ClipRow(name, os.path.abspath(video), speaker=entry.speaker, split=entry.split)
            found[entry] = replace(row, audio=os.path.abspath(sound))
        first.setdefault(path, entry.where)
    return found, problems


def link_embeddings(made: dict[Entry, ClipRow], source: Path, target: Path) -> list[InputError]:
    """Link each clip's embeddings `source/{path}.pth` (or .npy, .safetensors) as `target/{clip}.pth`."""
    target.mkdir(parents=True, exist_ok=True)
    problems = []
    for entry, row in made.items():
        file = first_file(source, entry.path.with_suffix(""), _EMBEDDINGS)
        if file is None:
            wanted = f"{source / entry.path.with_suffix('')}.pth"
            problems.append(InputError(entry.where, f"{wanted} does not exist", "Make it, or remove the line"))
            continue
        link = target / f"{row.clip}{file.suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.abspath(file))
    return problems


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        videos, sounds = find_layout(chosen.data)
        entries, problems = _named(chosen, videos)
        made, missing = rows(entries, videos, sounds)
        problems += missing
        if chosen.embeddings:
            problems += link_embeddings(made, chosen.embeddings, chosen.embeddings_output)
        if not made and not problems:
            raise InputError(chosen.data, "no clip is named", "Give --list, or put videos into its video folder")
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return finish(list(made.values()), problems, chosen.output, skip=chosen.skip)


def _named(chosen: argparse.Namespace, videos: Path) -> tuple[list[Entry], list[InputError]]:
    """The clips that the user's choice names, and what is wrong with lines of the lists."""
    if chosen.test_actors:
        tested = CREMA_TEST if chosen.test_actors == "crema" else re.split(r"[,\s]+", chosen.test_actors.strip(", "))
        return by_actor(videos_below(videos), tested), []
    lists = [path if path.exists() else chosen.data / path for path in chosen.list or []]
    lists = lists or sorted(chosen.data.glob("file_list_*.txt"))
    entries, problems = [], []
    for path in lists:
        found, wrong = read_list(path)
        entries, problems = entries + found, problems + wrong
    if chosen.rest or not lists:  # without lists and a word from the user the workflow itself parts the speakers
        listed = {entry.path for entry in entries}
        entries += [entry for entry in videos_below(videos, chosen.rest or "") if entry.path not in listed]
    return entries, problems


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m toolkit.datasets.diffused_heads", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of the videos' and sounds' folders")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--list", type=Path, nargs="+", help="lists, here or in DATA; left out: its file_list_*.txt")
    source.add_argument(
        "--test-actors", help="in place of lists, whose clips are tested: 15,20 or crema (as published)"
    )
    parser.add_argument("--rest", choices=("train", "test"), help="the side of the videos that no list names")
    add_output_options(parser)
    parser.add_argument("--embeddings", type=Path, help="a folder of embeddings with the videos' names (.pth, .npy)")
    parser.add_argument("--embeddings-output", type=Path, default=Path("embeddings"), help="their links by clip name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
