"""How fast the tracked landmarks are, and how far from a detector on every full frame: the table of docs/benchmarks.md.

    OMP_NUM_THREADS=1 python -m benchmarks.landmarks ../shared/data > landmarks.md

Both ways see the same decoded frames; reading them is not counted. Every-frame: dlib's detector and predictor with
their defaults on the RGB frame as it is. Time is CPU time of the one thread, the two ways by turns, and of several
passes each frame's best, so that other work on the machine weighs little. Points are compared where both ways see a
face.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import dlib
import numpy as np

from toolkit.faces.detectors import get_detector, shipped_file
from toolkit.faces.geometry import inter_ocular, landmark_distance
from toolkit.faces.tracking import track
from toolkit.media.frames import read_frames
from toolkit.media.resample import resample_video

CLIPS = ("hdtf/*.mp4", "hdtf256/*.mp4", "wild/*.mp4")


class Clock:
    """Hands out frames and takes the CPU time (s) that the reader spends on each."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def hand_out(self, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for frame in frames:
            begin = time.thread_time()
            yield frame
            self.seconds.append(time.thread_time() - begin)


class Measured(NamedTuple):
    """points (T, 68, 2), nan where no face; seconds (T,) of each frame."""

    points: np.ndarray
    seconds: np.ndarray


class EveryFrame:
    """dlib as its own examples use it: the detector on each full RGB frame, the predictor in its strongest box."""

    def __init__(self) -> None:
        self._find = dlib.get_frontal_face_detector()
        self._fit = dlib.shape_predictor(shipped_file("shape_predictor_68_face_landmarks.dat"))

    def __call__(self, frames: Iterator[np.ndarray]) -> np.ndarray:
        found = []
        for frame in frames:
            boxes = self._find(frame)
            points = (
                [(point.x, point.y) for point in self._fit(frame, boxes[0]).parts()] if boxes else [(np.nan,) * 2] * 68
            )
            found.append(points)
        return np.array(found)


def tracked(frames: Iterator[np.ndarray]) -> np.ndarray:
    """(T, 68, 2), nan where the track is not ok."""
    found = track(frames, get_detector("dlib"))
    return np.where(found.ok[:, None, None], found.points, np.nan)


def contiguous(path: Path) -> Iterator[np.ndarray]:
    """A clip's frames without gaps between their rows, which dlib needs and the tracker does not."""
    return map(np.ascontiguousarray, read_frames(path))


def measure(path: Path, ways: dict[str, Callable], budget: float) -> dict[str, Measured]:
    """Each way over the clip, by turns, until `budget` seconds are over; each frame's best time of all passes."""
    points, seconds = {}, {name: [] for name in ways}
    end = time.monotonic() + budget
    while not points or time.monotonic() < end:
        for name, way in ways.items():
            clock = Clock()
            points[name] = way(clock.hand_out(contiguous(path)))
            seconds[name].append(clock.seconds)
    return {name: Measured(points[name], np.min(seconds[name], axis=0)) for name in ways}


def row(path: Path, found: dict[str, Measured]) -> str:
    fast, full = found["tracked"], found["every frame"]
    seen, seen_full = (~np.isnan(way.points).any((1, 2)) for way in (fast, full))
    both = seen & seen_full
    distance = 100 * landmark_distance(fast.points[both], full.points[both])
    height, width = next(contiguous(path)).shape[:2]
    rates = [len(way.seconds) / way.seconds.sum() for way in (fast, full)]
    return (
        f"| {path.stem} | {width} x {height} | {len(seen)} | {rates[0]:.0f} | {rates[1]:.1f} | {rates[0] / rates[1]:.1f} "
        f"| {distance.mean():.2f} | {np.quantile(distance, 0.99):.2f} | {seen.mean():.1%} | {seen_full.mean():.1%} |"
    )


def other_detector(data: Path, folder: Path) -> str:
    """The distance to the points that come with the VoxCeleb clip, overall and by part of the face."""
    (listed,) = data.glob("wild/voxceleb_*_landmarks.txt")
    (video,) = data.glob(f"wild/{listed.stem.removesuffix('_landmarks')}_*.mp4")
    lines = [line.split()[1:] for line in listed.read_text().splitlines() if line.strip()]
    theirs = np.array([[point.split("_") for point in line] for line in lines], dtype=float)
    resample_video(video, folder / "clip.mp4")
    results = []
    for name, way in (("tracked", tracked), ("every frame", EveryFrame())):
        ours = way(contiguous(folder / "clip.mp4"))
        count = min(len(ours), len(theirs))
        away = np.linalg.norm(ours[:count] - theirs[:count], axis=-1) / inter_ocular(theirs[:count])[:, None] * 100
        shift = 100 * (ours[:count] - theirs[:count]).mean((0, 1)) / inter_ocular(theirs[:count]).mean()
        parts = [("jaw", 0, 17), ("brows", 17, 27), ("nose", 27, 36), ("eyes", 36, 48), ("mouth", 48, 68)]
        cells = [name, f"{len(ours)} / {len(theirs)}", f"{away.mean():.2f}"]
        cells += [f"{away[:, first:last].mean():.2f}" for _, first, last in parts]
        results.append(f"| {' | '.join(cells)} | {shift[0]:+.2f}, {shift[1]:+.2f} |")
    head = "| our points | frames ours / theirs | mean % | jaw | brows | nose | eyes | mouth | shift x, y % |"
    return "\n".join([head, "|---" * 9 + "|", *results])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of real clips")
    parser.add_argument("--budget", type=float, default=40, help="seconds of passes over each clip (%(default)s)")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    ways = {"tracked": tracked, "every frame": EveryFrame()}
    ways_head = "tracked, frames/s | every frame, frames/s | ratio | mean distance % | 99th percentile %"
    print(f"| clip | size | frames | {ways_head} | face seen, tracked | every frame |")
    print("|---" * 10 + "|", flush=True)
    times = np.zeros(3)
    for path in sorted(file for pattern in CLIPS for file in arguments.data.glob(pattern)):
        found = measure(path, ways, arguments.budget)
        times += [len(found["tracked"].seconds), *(found[name].seconds.sum() for name in ways)]
        print(row(path, found), flush=True)
    rates = times[0] / times[1:]
    print(f"| all | | {times[0]:.0f} | {rates[0]:.0f} | {rates[1]:.1f} | {rates[0] / rates[1]:.1f} | | | | |\n")
    with tempfile.TemporaryDirectory() as folder:
        print(other_detector(arguments.data, Path(folder)))


if __name__ == "__main__":
    main()
