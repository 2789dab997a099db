"""HDTF's annotation lists, with a folder of the videos that they are of, become a clips table:

    python -m toolkit.datasets.hdtf --annotations HDTF_dataset --videos DIR --output clips.tsv

The lists, of each of three parts (RD, WDA, WRA), as https://github.com/MRzzm/HDTF publishes them:

    RD_annotion_time.txt   Radio11.mp4 00:30-01:00 01:30-02:30     windows of a video: a clip each, Radio11_0 and Radio11_1
    RD_crop_wh.txt         Radio11_1.mp4 557 478 0 478             its box: left, WIDTH, top, height
    RD_resolution.txt      Radio11.mp4 720                         rows of the picture that the boxes were measured in
    RD_video_url.txt       Radio11 https://...                     where the video was
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.clips import VIDEO_SUFFIXES, ClipRow
from toolkit.datasets.table import add_output_options, finish, first_file, free_name, read_lines
from toolkit.errors import InputError
from toolkit.media.box import SMALLEST, Box
from toolkit.media.probe import Media, probe

_TIMES = re.compile(r"(?P<part>\w+)_annot(?:ion|ation)_time\.txt")
_NAME = re.compile(r"(?P<name>\w[\w.\- ]*?)(?:\.mp4)?")
_WINDOW = re.compile(r"(?P<start>(?:\d{1,2}:)?\d{1,3}:\d{2})-(?P<end>(?:\d{1,2}:)?\d{1,3}:\d{2})")
_SLACK = 1.0  # seconds by which a window may pass its video's end: times are whole seconds


@dataclass(frozen=True)
class Window:
    """A clip of a list: where it stands there, its part, its video's name, its number, and its times (s)."""

    where: str
    part: str
    video: str
    number: int
    start: float
    end: float

    @property
    def name(self) -> str:
        return f"{self.video}_{self.number}"

    @property
    def speaker(self) -> str:
        """AmyKlobuchar0 and AmyKlobuchar1 are one person; Radio11 and Radio12 are named by no person."""
        return self.video if self.part == "RD" else self.video.rstrip("0123456789") or self.video


def read_windows(annotations: Path) -> tuple[list[Window], list[InputError]]:
    """The windows of every part's list in order, and what is wrong with other words of theirs."""
    lists = sorted(path for path in annotations.glob("*_time.txt") if _TIMES.fullmatch(path.name))
    if not lists:
        remedy = "Give the folder HDTF_dataset with RD_annotion_time.txt, WDA_... and WRA_..."
        raise InputError(annotations, "holds no list of times", remedy)
    windows, problems = [], []
    for path in lists:
        part = _TIMES.fullmatch(path.name)["part"]
        for where, name, words in _records(path, problems):
            for number, word in enumerate(words):
                times = _WINDOW.fullmatch(word)
                start, end = (_seconds(times["start"]), _seconds(times["end"])) if times else (0, 0)
                if start < end:
                    windows.append(Window(where, part, name, number, start, end))
                else:
                    problems.append(InputError(where, f"{word!r} is no window of time", "Write it as 00:30-01:00"))
    return windows, problems


def _records(path: Path, problems: list[InputError]) -> Iterator[tuple[str, str, list[str]]]:
    """Where it stands, the name (without .mp4) and the other words of each line; wrong names go to `problems`."""
    for number, line in enumerate(read_lines(path), start=1):
        where, words = f"{path.name}, line {number}", line.split()
        if words and _NAME.fullmatch(words[0]):
            yield where, _NAME.fullmatch(words[0])["name"], words[1:]
        elif words:
            problems.append(InputError(where, f"{words[0]!r} is no name of a video", "Write it as Radio11.mp4"))


def _seconds(clock: str) -> float:
    """mm:ss or h:mm:ss in seconds."""
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    return float(seconds)


def read_boxes(annotations: Path) -> tuple[dict[str, Box], list[InputError]]:
    """The box of each clip that has one, and what is wrong with other lines. Their order is left, width, top, height."""
    boxes, problems = {}, []
    for path in sorted(annotations.glob("*_crop_wh.txt")):
        for where, name, words in _records(path, problems):
            if len(words) == 4 and all(re.fullmatch(r"\d{1,5}", word) for word in words):
                left, width, top, height = map(int, words)
                boxes[name] = Box(left, top, width, height)
            else:
                remedy = "Write left, width, top and height, as in Radio11_1.mp4 557 478 0 478"
                problems.append(InputError(where, "holds no box of four numbers", remedy))
    return boxes, problems


def read_resolutions(annotations: Path) -> dict[str, int]:
    """Rows of the picture in which the boxes of each video were measured; older copies of the lists alone say it."""
    lists = sorted(annotations.glob("*_resolution.txt"))
    records = [record for path in lists for record in _records(path, [])]
    return {name: int(words[0]) for _, name, words in records if words and re.fullmatch(r"[1-9]\d{2,3}", words[0])}


def scaled_box(window: Window, box: Box, rows: int | None, media: Media) -> Box:
    """A clip's box in the pixels of the user's copy of its video, whose picture may be larger or smaller than that of
    `rows` rows in which it was measured; InputError where it leaves the picture."""
    scale = media.height / rows if rows else 1.0
    here = Box(*(round(scale * length) for length in box))
    over = max(here.left + here.width - media.width, here.top + here.height - media.height)
    if over > max(2, 2 * scale) or min(here[2:]) < SMALLEST:
        problem = f"the picture of {media.path}, {media.width} x {media.height}, does not hold its box {here}"
        if rows is None:
            remedy = "Add the published *_resolution.txt, which say in pictures of what size boxes were measured"
        else:
            remedy = "Correct the box, or take the whole picture with --no-crop"
        raise InputError(window.name, problem, remedy)
    # Rounded boxes may pass the edge by a pixel.
    return here._replace(
        width=min(here.width, media.width - here.left), height=min(here.height, media.height - here.top)
    )


def rows(
    windows: Sequence[Window], videos: Path, boxes: dict[str, Box], resolutions: dict[str, int]
) -> tuple[list[ClipRow], list[InputError]]:
    """A row of the clips table for each window whose video is there, and what is wrong with each other one."""
    clips, problems, taken = [], [], set()
    known: dict[str, Media | InputError] = {}
    for window in windows:
        if window.video not in known:
            known[window.video] = _media(window, videos)
        media = known[window.video]
        try:
            if isinstance(media, InputError):
                raise media
            if media.duration is not None and window.end > media.duration + _SLACK:
                problem = f"ends at {window.end:g} s, but {media.path} lasts {media.duration:.1f} s"
                raise InputError(window.name, problem, "Download the whole video again, or remove the window")
            box = boxes.get(window.name)
            if box is not None:
                box = scaled_box(window, box, resolutions.get(window.video), media)
        except InputError as error:
            # A video that is not there is one problem, however many its windows.
            if error is not media or window.number == 0:
                problems.append(error)
            continue
        name, end = free_name(window.name, taken), min(window.end, media.duration or window.end)
        clips.append(ClipRow(name, media.path, window.start, end, window.speaker, crop=box))
    return clips, problems


def _media(window: Window, videos: Path) -> Media | InputError:
    """What the user's copy of a window's video is, or why there is none."""
    path = first_file(videos, window.video, sorted(VIDEO_SUFFIXES))
    path = path or first_file(videos / window.part, window.video, sorted(VIDEO_SUFFIXES))
    if path is None:
        wanted = videos / f"{window.video}.mp4"
        return InputError(window.where, f"{wanted} does not exist", "Download it (*_video_url.txt), or leave it out")
    try:
        media = probe(path.absolute())
    except InputError as error:
        return error
    return media if media.has_video else InputError(path, "it has no video track", "Download it again")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        windows, problems = read_windows(chosen.annotations)
        boxes, wrong = ({}, []) if chosen.no_crop else read_boxes(chosen.annotations)
        resolutions = read_resolutions(chosen.annotations)
        clips, missing = rows(windows, chosen.videos, boxes, resolutions)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    if not chosen.no_crop:
        _caution(clips, boxes, resolutions)
    return finish(clips, [*problems, *wrong, *missing], chosen.output, skip=chosen.skip)


def _caution(clips: Sequence[ClipRow], boxes: dict[str, Box], resolutions: dict[str, int]) -> None:
    """Say which clips take the whole picture, and that boxes may be of pictures of another size."""
    whole = [row.clip for row in clips if row.crop is None]
    if whole:
        words = f"{len(whole)} clips have no box in *_crop_wh.txt and take the whole picture, for example {whole[0]}"
        print(words, file=sys.stderr)
    if boxes and not resolutions:
        words = "no *_resolution.txt: boxes are taken as pixels of your videos, as they are where these have the"
        print(f"{words} resolution of the authors' copies (720 rows, mostly)", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    summary = __doc__.partition(":\n\n")[0]
    parser = argparse.ArgumentParser(prog="python -m toolkit.datasets.hdtf", description=summary)
    parser.add_argument("--annotations", type=Path, required=True, help="the folder with the published lists")
    parser.add_argument("--videos", type=Path, required=True, help="the folder with {name}.mp4 or {part}/{name}.mp4")
    parser.add_argument("--no-crop", action="store_true", help="take whole pictures: the face is found anyway")
    add_output_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
