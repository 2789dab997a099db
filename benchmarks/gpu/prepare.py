"""What a GPU machine gets, made where dlib, FFmpeg and librosa are: real speakers and synthetic talkers as stacks of pictures.

Clips travel as WebP pictures in `.npz` (about 4 kB a frame), which NumPy and OpenCV read: H.264 would be a sixth of that, but
needs PyAV, whose wheel (36 MB) is twice what all the pictures take. No wheel is carried at all: whatever else our modules
need (SciPy, librosa, soundfile, jsonschema, TensorBoard ...) they import where it is used, and nothing of that is used there.
"""

import csv
import subprocess
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.gpu.prepared import SIZE, clip_of, write_list
from benchmarks.gpu.systems import SYSTEMS
from models.registry import get_system
from toolkit.errors import InputError
from toolkit.faces.crop import crop_frame, face_square, to_crop
from toolkit.faces.detectors import get_detector
from toolkit.faces.tracking import track
from toolkit.files import write_npy, write_npz
from toolkit.log import logger
from toolkit.media.audio import extract_sound, read_audio
from toolkit.media.frames import read_frames
from toolkit.media.probe import probe
from toolkit.media.stack import write_stack
from toolkit.settings import complete, read_schema
from toolkit.speech import log_mel
from toolkit.synthetic.table import read_talker
from toolkit.timing import FPS
from workflow_scripts.render_talker import render_talker

ROOT = Path(__file__).parents[2]
TALKERS = ROOT / "tests/configs/learning.tsv"  # the learning check's, with its held-out sentences
SPEAKERS = 6
LIMIT = 60e6
"""Bytes that a GPU machine may get: the repository's files and the folder."""
TINY = {"speakers": 1, "talkers": 1, "held out": 2, "frames": FPS}


def prepare(data: Path, folder: Path, tiny: bool = False) -> None:
    """Write the folder that `benchmarks.gpu.prepared` reads. DATA/hdtf256 holds a clip at 25 frames a second of each of seven
    speakers, of whom the last by name is held out. `tiny` takes few clips, each its first second.
    """
    folder.mkdir(parents=True, exist_ok=True)
    speakers = _speakers(data, TINY["speakers"] if tiny else SPEAKERS)
    train, test = (_talkers(split) for split in ("train", "test"))
    if tiny:
        train, test = train[: TINY["talkers"]], test[: TINY["held out"]]
    frames = TINY["frames"] if tiny else None
    for video in speakers:
        _clip(video, folder, video.stem, frames)
    with TemporaryDirectory() as work:
        for name in [*train, *test]:
            _clip(_rendered(name, Path(work)), folder, name, frames)
    *others, last = (video.stem for video in speakers)
    clips = {"speakers": others, "speaker held out": [last], "talkers": train, "talkers held out": test}
    write_list(folder, clips, {system: system_options(system) for system in SYSTEMS})
    check_size(folder)


def check_size(folder: Path) -> None:
    """Say how much a GPU machine gets; InputError where that is more than it may."""
    repository = sum((ROOT / name).stat().st_size for name in _repository_files())
    clips = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    words = (
        f"repository {repository / 1e6:.1f} MB + {folder} {clips / 1e6:.1f} MB = {(repository + clips) / 1e6:.1f} MB"
    )
    if repository + clips > LIMIT:
        raise InputError(folder, f"{words}, more than {LIMIT / 1e6:.0f}", "Carry fewer clips, or smaller ones")
    print(words)


def _repository_files() -> list[Path]:
    """What git knows of the repository; without git everything but what begins with a dot and what the workflow makes."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode == 0:
        names = map(Path, filter(None, listing.stdout.split("\0")))
    else:
        names = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = (name for name in names if name.parts[0] not in ("results", "weights") and name.parts[0][0] != ".")
    return [name for name in names if (ROOT / name).is_file()]


def _speakers(data: Path, train: int) -> list[Path]:
    """The clips to train on, and the one that is held out."""
    videos = sorted((data / "hdtf256").glob("*.mp4"))
    if len(videos) <= train:
        raise InputError(data / "hdtf256", f"holds {len(videos)} clips", f"Put {train + 1} speakers' clips there")
    return [*videos[:train], videos[-1]]


def _talkers(split: str) -> list[str]:
    with TALKERS.open(encoding="utf-8", newline="") as lines:
        return [row["clip"] for row in csv.DictReader(lines, delimiter="\t") if row["split"] == split]


def _rendered(name: str, folder: Path) -> Path:
    row = read_talker(ROOT / "demo/talkers.tsv", name)
    speech = ROOT / "demo/speech" / row["speech"]
    flac, track_file, video = speech.with_suffix(".flac"), speech.with_suffix(".json"), folder / f"{name}.mp4"
    truth = folder / f"{name}.json"
    render_talker(flac, track_file, video, truth, clip=name, look=row["look"], seed=int(row["seed"]))
    return video


def _clip(video: Path, folder: Path, name: str, frames: int | None) -> None:
    """A clip's stack, transform and mel features, as the workflow's rules make them, at SIZE pixels."""
    media, clip = probe(video), clip_of(folder, name)
    if round(media.fps or 0, 3) != FPS:
        raise InputError(video, f"has {media.fps} frames a second", f"Resample it to {FPS}")
    seen = track(islice(read_frames(video), frames), get_detector("dlib"))
    square = face_square(seen.box, seen.ok, media.height, media.width)
    write_stack(clip["view"], (crop_frame(frame, square, SIZE) for frame in islice(read_frames(video), frames)))
    points = to_crop(seen.points, square, SIZE).astype(np.float32)
    write_npz(clip["transform"], square=np.array(square), size=np.array(SIZE), points=points, ok=seen.ok)
    with TemporaryDirectory() as work:
        sound = Path(work, "sound.wav")
        extract_sound(video, sound, zero=media.video_start, frames=len(points))
        write_npy(clip["speech"], log_mel(read_audio(sound)))
    logger.info("%s: %d frames", name, len(points))


def system_options(system: str) -> dict:
    """The defaults of a system's sampling and of what it does with speech."""
    block = complete({}, read_schema(get_system(system).folder / "options.schema.yaml"))
    apart = {"speech_pooling": block["speech_pooling"]} if "speech_pooling" in block else {}
    return {**block["sampling"], **apart, "preset": block["preset"]}
