"""The data folder of DiffTalk's users becomes a clips table, with a video and the sound of each identity:

    python -m toolkit.datasets.difftalk --data DIR --output clips.tsv

Each identity's pictures become a video as they are, in the order of their numbers; its sound is `audio/N.wav`, or the
40 ms pieces of `audio_wav`, or a file of `--sounds`. Landmarks and speech features are found anew by the workflow; the
users' own are taken over where an option says so and they can be used (`toolkit.datasets.difftalk_files`).
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from toolkit.clips import VIDEO_SUFFIXES, ClipRow
from toolkit.datasets.difftalk_files import (
    Layout,
    are_normalised,
    held_frames,
    lacks_context,
    landmarks_of,
    read_landmarks,
    read_layout,
    read_window,
    window_files,
)
from toolkit.datasets.table import add_output_options, finish, first_file, free_name
from toolkit.errors import InputError
from toolkit.files import atomic_path, write_blocks, write_npz
from toolkit.media.motion_jpeg import write_jpegs
from toolkit.timing import FPS

_SOUNDS = (".wav", ".flac", ".mp3", ".m4a", ".ogg", *sorted(VIDEO_SUFFIXES))
_RATES = range(8_000, 192_001)  # Hz
_LONGEST_PIECE = 1.0  # seconds; each should last 0.04


@dataclass(frozen=True)
class Identity:
    """What becomes a clip: its number, name and side, the frame shown at each moment, and its sound: a file, or None where
    it is in pieces."""

    number: int
    clip: str
    split: str
    frames: list[int]
    sound: Path | None


def plan(
    layout: Layout, *, rest: str | None, sounds: Path | None, windows: bool, landmarks: str | None
) -> tuple[list[Identity], list[InputError]]:
    """The identities that can become clips, and what is wrong with each other one. rest: the side of those that no list
    names, which are left out otherwise (a note says so). Nothing is written."""
    identities, problems, taken, unlisted = [], [], set(), []
    for number, images in layout.images.items():
        try:
            split = layout.split(number)
            if split is None and rest is None:
                unlisted.append(number)
                continue
            frames = held_frames(images, layout.first_number, f"identity {number}")
            if windows:
                window_files(layout.folder / "audio_smooth", number, list(images))
            if landmarks:
                landmarks_of(layout.folder / landmarks, number, list(images))
            sound = find_sound(layout.folder, number, sounds)
        except InputError as error:
            problems.append(error)
            continue
        if len(images) < len(frames):
            words = (
                f"identity {number}: {len(frames) - len(images)} of {len(frames)} frames are missing, where the picture"
            )
            layout.notes.append(f"{words} before them stands")
        name = free_name(layout.clips.get(number, f"identity_{number}"), taken)
        identities.append(Identity(number, name, rest if split is None else split, frames, sound))
    if unlisted:
        words = f"{len(unlisted)} identities are in no list and left out (--rest takes them), for example {unlisted[0]}"
        layout.notes.append(words)
    return identities, problems


def find_sound(folder: Path, number: int, sounds: Path | None) -> Path | None:
    """The whole sound of an identity: of the user's folder, or of `audio`; None where `audio_wav` has it in pieces."""
    if sounds is not None:
        path = first_file(sounds, str(number), _SOUNDS)
        if path is None:
            raise InputError(sounds, f"holds no {number}.wav", f"Put the sound of identity {number} there")
        return path
    path = first_file(folder / "audio", str(number), _SOUNDS)
    if path is None and next((folder / "audio_wav").glob(f"{number}_*.wav"), None) is None:
        problem = (
            f"there is no sound of identity {number}: neither audio/{number}.wav nor pieces audio_wav/{number}_M.wav"
        )
        raise InputError(folder, problem, "Name a folder with N.wav or the source videos N.mp4: --sounds")
    return path


def join_pieces(wav: Path, pieces: Sequence[Path]) -> int:
    """Write pieces of sound, one a frame in the frames' order, as one wav file; return how many were missing.

    Each stands where its frame does, to the sample: longer ones are cut, shorter ones and missing ones are filled with
    silence. Of several channels the first counts. InputError for what is no sound, or of another rate than the first.
    """
    first = next(path for path in pieces if path.is_file())
    rate, missing = _read_piece(first)[1], 0
    with atomic_path(wav) as partial, soundfile.SoundFile(partial, "w", rate, 1, "PCM_16", format="WAV") as joined:
        for number, path in enumerate(pieces):
            length = (number + 1) * rate // FPS - number * rate // FPS
            samples = np.zeros(0, np.float32)
            if path.is_file():
                samples, here = _read_piece(path)
                if here != rate:
                    problem = f"has {here} samples a second, {first.name} has {rate}"
                    raise InputError(path, problem, "Cut the sound again, or name whole files: --sounds")
            else:
                missing += 1
            joined.write(np.pad(samples[:length], (0, max(length - len(samples), 0))))
    return missing


def _read_piece(path: Path) -> tuple[np.ndarray, int]:
    try:
        with soundfile.SoundFile(path) as piece:
            rate, seconds = piece.samplerate, piece.frames / piece.samplerate
            if rate not in _RATES or seconds > _LONGEST_PIECE:
                problem = f"is no piece of 0.04 s of sound: {seconds:.2f} s at {rate} Hz"
                raise InputError(path, problem, "Name whole sound files: --sounds")
            return piece.read(dtype="float32", always_2d=True)[:, 0], rate
    except soundfile.LibsndfileError as error:
        problem = f"cannot be read as sound ({error.error_string})"
        raise InputError(path, problem, "Cut the sound again, or name whole files: --sounds") from None


def write_clip(layout: Layout, identity: Identity, target: Path, *, windows: bool, landmarks: str | None) -> ClipRow:
    """Write an identity's video, sound and, where they are wanted, landmarks and windows; its row of the clips table.

    `landmarks/{clip}.npz`: points (T, 68, 2) in pixels, ok (T), false where the picture before stands; `windows/{clip}.npy`:
    (T, 8, 16, 29) float32, for an entry of `speech` of kind `files`.
    """
    number, frames, folder = identity.number, identity.frames, layout.folder
    video, sound = target / f"{identity.clip}.mkv", identity.sound
    images = layout.images[number]
    write_jpegs(video, (images[frame] for frame in frames))
    if sound is None:
        sound, moments = target / f"{identity.clip}.wav", range(layout.first_number, frames[-1] + 1)
        missing = join_pieces(sound, [folder / f"audio_wav/{number}_{moment}.wav" for moment in moments])
        if missing:
            layout.notes.append(f"identity {number}: {missing} pieces of sound are missing, where silence stands")
    if windows:
        paths = window_files(folder / "audio_smooth", number, list(images))
        blocks = (read_window(paths[frame])[None] for frame in frames)
        write_blocks(target / f"windows/{identity.clip}.npy", blocks, len(frames), "float32")
    if landmarks:
        known = dict(zip(images, landmarks_of(folder / landmarks, number, list(images)), strict=True))
        points = np.stack([known[frame] for frame in frames]).astype(np.float32)
        ok = np.array(frames) == layout.first_number + np.arange(len(frames))
        write_npz(target / f"landmarks/{identity.clip}.npz", points=points, ok=ok)
    files = {"video": str(video.absolute()), "audio": str(sound.absolute())}
    return ClipRow(identity.clip, **files, speaker=str(number), split=identity.split)


def quality_notes(layout: Layout) -> Iterator[str]:
    """What is to be known of landmarks and features that are not taken over, by a look at some of the first identity's."""
    number, images = next(iter(layout.images.items()))
    names = [f"{number}_{frame}" for frame in list(images)[:8]]
    points = [first_file(layout.folder / "landmarks", name, (".lms", ".lmd")) for name in names]
    windows = [first_file(layout.folder / "audio_smooth", name, (".npy",)) for name in names]
    if any(points) and all(are_normalised(read_landmarks(path)) for path in filter(None, points)):
        yield "landmarks/ is normalised to 0..1, not pixels: not used, the workflow detects its own"
    if any(windows) and all(lacks_context(read_window(path)) for path in filter(None, windows)):
        yield "audio_smooth/ was made of 40 ms pieces, without context: not used, the workflow makes its own"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    chosen = _parser().parse_args(arguments)
    wanted = {"windows": chosen.windows, "landmarks": chosen.landmarks}
    try:
        layout = read_layout(chosen.data)
        identities, problems = plan(layout, rest=chosen.rest, sounds=chosen.sounds, **wanted)
        layout.notes += _readable(quality_notes(layout))
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    rows = []
    for identity in identities if chosen.skip or not problems else []:
        try:
            rows.append(write_clip(layout, identity, chosen.clips_output, **wanted))
        except InputError as error:
            problems.append(error)
    for note in layout.notes:
        print(note, file=sys.stderr)
    return finish(rows, problems, chosen.output, skip=chosen.skip)


def _readable(notes: Iterable[str]) -> list[str]:
    """The notes, or why there are none: files that are not used stop nothing."""
    try:
        return list(notes)
    except InputError as error:
        return [f"{error.subject}: {error.problem}: not used"]


def _parser() -> argparse.ArgumentParser:
    summary = __doc__.partition(":\n\n")[0]
    parser = argparse.ArgumentParser(prog="python -m toolkit.datasets.difftalk", description=summary)
    parser.add_argument("--data", type=Path, required=True, help="the folder with HDTF/images, data_train.txt, ...")
    parser.add_argument("--clips-output", type=Path, default=Path("difftalk_clips"), help="where videos and sound go")
    parser.add_argument(
        "--sounds", type=Path, help="a folder with the whole sound N.wav (or video N.mp4) of identity N"
    )
    parser.add_argument("--rest", choices=("train", "test"), help="the side of the identities that no list names")
    parser.add_argument("--windows", action="store_true", help="write audio_smooth as windows/{clip}.npy, too")
    parser.add_argument(
        "--landmarks",
        nargs="?",
        const="landmarks",
        choices=("landmarks", "org_landmarks"),
        help="write the landmarks of that folder as landmarks/{clip}.npz, too",
    )
    add_output_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
