"""The picture of what a system learned: frames of held-out clips, each row of them above the same frames as dubbed.

python -m benchmarks.learning_picture results diffdub docs/learning.jpg plain_walk glasses_robot
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from toolkit.media.frames import FrameReader

COLUMNS, HEIGHT, WIDTH = 8, 144, 156


def row(video: Path, numbers: np.ndarray) -> np.ndarray:
    """(HEIGHT, COLUMNS * WIDTH, 3) RGB: the middle of these frames, side by side."""
    with FrameReader(video) as reader:
        frames = [reader[int(number)] for number in numbers]
    height, width = frames[0].shape[:2]
    cut = round(width * HEIGHT / WIDTH)
    top = (height - cut) // 2
    return np.hstack(
        [cv2.resize(frame[top : top + cut], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for frame in frames]
    )


def picture(results: Path, system: str, clips: list[str]) -> np.ndarray:
    """The rows of all clips, RGB."""
    rows = []
    for clip in clips:
        dubbed = results / f"videos/{system}/{clip}--{clip}.mp4"
        with FrameReader(dubbed) as reader:
            numbers = np.linspace(4, len(reader) - 5, COLUMNS).round()
        rows += [row(results / f"clips/{clip}.mp4", numbers), row(dubbed, numbers)]
    return np.vstack(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="the workflow's results folder")
    parser.add_argument("system")
    parser.add_argument("output", type=Path)
    parser.add_argument("clips", nargs="+")
    chosen = parser.parse_args()
    cv2.imwrite(str(chosen.output), picture(chosen.results, chosen.system, chosen.clips)[..., ::-1])
