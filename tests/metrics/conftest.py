"""Moving pictures whose truth is known, and a small results folder made of them."""

from collections.abc import Iterator
from itertools import product
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from metrics.landmark_distance import at_size
from metrics.measure import Landmarks, MetricInputs
from metrics.scoring import score
from toolkit.files import write_json, write_text
from toolkit.media.audio import write_audio
from toolkit.media.writer import write_video
from workflow_scripts.build_report import build_report
from workflow_scripts.collect_scores import collect_scores

MOUTH_ROW = 181  # of the portrait below: the line between the lips


def openings(frames: int, phase: float = 0.0) -> np.ndarray:
    """How far the mouth opens in each frame, in pixels of a 256-pixel portrait: syllables at about 3 Hz, 0 to 14."""
    time = np.arange(frames) / 25
    return 7 - 7 * np.cos(2 * np.pi * 2.6 * time + phase) * np.cos(2 * np.pi * 0.55 * time + phase)


def portrait_frames(opening: np.ndarray, size: int = 256) -> Iterator[np.ndarray]:
    """The astronaut with her lower lip and chin drawn down by `opening` pixels, frame by frame."""
    portrait = cv2.resize(astronaut()[12:204, 124:316], (256, 256), interpolation=cv2.INTER_LINEAR)
    columns, rows = np.meshgrid(np.arange(256, dtype=np.float32), np.arange(256, dtype=np.float32))
    below = np.clip((rows - MOUTH_ROW + 2) / 5, 0, 1) * np.clip((MOUTH_ROW + 75 - rows) / 55, 0, 1)
    across = np.clip((62 - np.abs(columns - 132)) / 30, 0, 1)
    for pixels in opening.astype(np.float32):
        frame = cv2.remap(portrait, columns, rows - pixels * below * across, cv2.INTER_LINEAR)
        yield cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="session")
def portrait():
    """`portrait(opening, size=256)` yields the frames of a talking portrait."""
    return portrait_frames


FRAMES = 36
SYSTEMS = ("ground_truth", "still", "<b>bold</b>")
HOSTILE = """\"'></option><script>alert(1)</script>é"""
"""No clip can be named like this (names are checked), but a system's folder or a hand-made table can say anything."""


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Scores of two clips, with their own and each other's speech, by three systems, and the clips' small videos.

    The talkers follow speech with a known error; every number comes out of the real scoring, only the landmarks are
    known rather than detected.
    """
    folder = tmp_path_factory.mktemp("results")
    clips = {name: openings(FRAMES, phase) for name, phase in ((HOSTILE, 0.0), ("$clip_b$", 2.0))}
    rng = np.random.default_rng(0)
    scores, videos = [], []
    for number, (system, video, audio) in enumerate(product(SYSTEMS, clips, clips)):
        if system == "ground_truth" and video != audio:
            continue
        opening = {"ground_truth": clips[video], "still": np.full(FRAMES, clips[video][0])}.get(
            system, 0.8 * clips[audio] + rng.uniform(0, 3, FRAMES)
        )
        scores.append(folder / f"{number}.json")
        sample = folder / f"{number}.mp4"
        write_video(sample, portrait_frames(opening, 96), crf=30)
        write_json(scores[-1], _score(sample, folder, system, video, audio, opening, clips))
        videos.append({"pair": f"{video}--{audio}", "system": system, "path": str(sample)})
    return SimpleNamespace(folder=folder, scores=scores, videos=videos)


def _score(sample, folder, system, video, audio, opening, clips):
    own = video == audio
    reference = folder / f"reference_{list(clips).index(video)}.mp4"
    if not reference.exists():
        write_video(reference, portrait_frames(clips[video], 128))
    given = MetricInputs(
        sample,
        reference=reference if own else None,
        reference_landmarks=_landmarks(clips[video], 128) if own else None,
        speech_opening=clips[audio] / 80,
        video_opening=None if own else clips[video] / 80,
        reasons={"reference": "no <i>reference</i>"},
    )
    record = score(given, lambda frames: (sum(1 for _ in frames), _landmarks(opening))[1]).record
    names = {"system": system, "pair": f"{video}--{audio}", "video": video, "audio": audio}
    return names | {"kind": "self" if own else "crossed"} | record


def _landmarks(opening, size=256):
    points = np.tile(np.random.default_rng(1).uniform(60, 200, (68, 2)), (len(opening), 1, 1))
    points[:, [36, 45]] = [[95, 120], [175, 120]]
    points[:, [62, 66]] = [132, 178]
    points[:, 66, 1] += opening
    return Landmarks(at_size(points, (256, 256), (size, size)), np.ones(len(opening), bool))


PAPER = """
paper: Held (nowhere)
tables:
  - {table: Table 9, data: other <s>clips</s>, kind: self, note: a <q>note</q>, system: {psnr: 28.18, niqe: 4.5},
     ground_truth: {lse_c: 9}}
  - {table: Table 10, data: more clips, kind: self, note: another script, system: {psnr: 31.5}}
"""
TRAINED = {"system": "made_up", "stage": "net", "preset": "debug", "steps": 12, "seed": 3, "clips": ["a", "b"]}
TRAINED |= {"synthetic_clips": 1}
FETCHED = {"system": "made_up", "stage": "other", "origin": "https://example.org/<em>.pt", "licence": "CC <u>BY</u>"}


@pytest.fixture(scope="session")
def report(results):
    """The report of the small results folder, for all players; beside it both tables and a folder of plots."""
    folder = results.folder
    tables = [str(folder / "metrics.csv"), str(folder / "summary.csv")]
    write_text(folder / "still/paper.yaml", PAPER)
    collect_scores(results.scores, *tables, papers=[folder / "still/paper.yaml"])
    verdicts, weights = [], []
    for clip, problem in (("good", None), ("bad", "no <u>face</u> in 80 % of its frames")):
        verdict = {"clip": clip, "video": f"{clip}.mov", "usable": problem is None, "problem": problem}
        verdicts.append(folder / f"{clip}.json")
        write_json(verdicts[-1], verdict | {"remedy": "Cut it"})
    for record in (TRAINED, FETCHED):
        weights.append(folder / f"{record['stage']}.json")
        write_json(weights[-1], record | {"sha256": "ab" * 32})
    header = "s\th:m:s\tmax_rss\tmax_vms\n"
    write_text(folder / "benchmarks/score_pairs/still/all-1.tsv", header + "2.5\t0:00:02\t300.5\t-\n")
    write_text(folder / "benchmarks/score_pairs/still/all-2.tsv", header + "3.5\t0:00:03\t-\t-\n")
    write_text(folder / "benchmarks/collect_scores.tsv", header + "0.5\t0:00:00\t-\t-\n")
    sound = folder / "audio/$clip_b$.wav"
    sound.parent.mkdir()
    write_audio(sound, np.random.default_rng(0).uniform(-0.5, 0.5, 640 * FRAMES).astype(np.float32))
    path = folder / "report.html"
    build_report(
        *tables,
        results.scores,
        verdicts,
        str(path),
        str(folder / "plots"),
        videos=results.videos,
        sounds=[str(sound)],
        weights=weights,
        presets={"made_up": ("small", "trained"), "bare": ("published", "my/<kbd>folder</kbd>")},
        encoders={"hubert": "somebody/hubert"},
        benchmarks=str(folder / "benchmarks"),
        baselines=["still"],
    )
    return path
