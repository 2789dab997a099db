"""How much DiffTalk's pictures change from one to the next, with one noise for a clip and with noise of their own.

    python -m benchmarks.flicker results plain_planets

The mean absolute difference of successive pictures, in levels of 255, where they are painted: `speaking` as the clip speaks its own
words, beside the clip itself; `held` with one frame of it and silence throughout, where nothing should change: what is left is
flicker.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from benchmarks.trained import Trained, sampled
from models.difftalk.masks import resized
from models.system import Clip, Request
from toolkit.files import read_json, write_npz
from toolkit.media.audio import write_audio
from toolkit.media.frames import FrameReader, read_frames
from toolkit.media.writer import write_video
from toolkit.timing import SAMPLES_PER_FRAME
from workflow_scripts.extract_features import extract_features

EDGE = 12  # pictures at either end of silence: the speech of 8 reaches beyond the ends


def compare(trained: Trained, name: str, frames: int) -> pd.DataFrame:
    """A row for each kind of noise, and for the clip itself."""
    rows = []
    with TemporaryDirectory() as folder:
        speaking = trained.request(name, frames)
        held = still(trained, name, frames, Path(folder))
        for noise in ("fixed", "fresh"):
            sampler = trained.sampler(noise=noise)
            made, kept = sampled(sampler, speaking), sampled(sampler, held)[EDGE:-EDGE]
            row = {"noise": noise, "speaking": change(made, painted(trained, speaking.clip, made))}
            rows.append({**row, "held": change(kept, painted(trained, held.clip, kept))})
    real = np.stack([resized(frame, made.shape[1]) for frame in read_frames(speaking.clip["view"])][: len(made)])
    rows.append({"noise": "(the clip)", "speaking": change(real, painted(trained, speaking.clip, real)), "held": 0.0})
    return pd.DataFrame(rows)


def still(trained: Trained, name: str, frames: int, folder: Path) -> Request:
    """`frames` pictures between the edges of one frame of the clip, in the folder, under silence."""
    clip, length = trained.clip(name), frames + 2 * EDGE
    number = int(np.argmax(clip.ok))
    held = Clip(name, {"view": folder / "held.mp4", "transform": folder / "held.npz"})
    with FrameReader(clip["view"]) as source:
        write_video(held["view"], [source[number]], crf=2, intra=True)
    write_npz(held["transform"], points=clip.points[[number]], ok=np.ones(1, bool), size=np.array(clip.size))
    write_audio(folder / "silence.wav", np.zeros(length * SAMPLES_PER_FRAME))
    entry = read_json(trained.features(name).with_suffix(".json"))
    extract_features(folder / "silence.wav", folder / "silence.npy", folder / "silence.json", entry=entry)
    return Request(held, np.load(folder / "silence.npy"), length)


def painted(trained: Trained, clip: Clip, pictures: np.ndarray) -> np.ndarray:
    """Where each of these pictures is painted, (n, size, size) bool; of a held frame all alike."""
    numbers = np.arange(len(pictures)) % len(clip.ok)
    return trained.painted(clip, numbers, pictures.shape[1])


def change(pictures: np.ndarray, painted: np.ndarray) -> float:
    """Mean absolute difference of successive pictures (n, size, size, 3), over what is painted (n, size, size) in both."""
    both = painted[1:] & painted[:-1]
    return np.abs(np.diff(pictures.astype(float), axis=0))[both].mean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="the workflow's results folder, with trained networks")
    parser.add_argument("clip")
    parser.add_argument("--speech", default="mel", help="the encoder that it was trained with, one without weights")
    parser.add_argument("--preset", default="debug")
    parser.add_argument("--frames", type=int, default=50)
    arguments = parser.parse_args()
    trained = Trained(arguments.results, "difftalk", arguments.preset, arguments.speech)
    print(compare(trained, arguments.clip, arguments.frames).round(2).to_string(index=False))
