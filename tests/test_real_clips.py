"""The same workflow on real faces: HDTF at two sizes and wild videos at 22 to 30 frames a second, some of them
portrait.
"""

import csv
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import yaml

from tests.running import snakemake
from tests.systems import SYSTEMS, options
from toolkit.media.probe import probe
from toolkit.timing import frame_count

pytestmark = pytest.mark.slow


WHOLE = {"retalking_1_22fps"}  # the others are cut to a second
TESTED = ("WDA_KatieHill_000", "retalking_4_30fps")


@pytest.fixture(scope="module")
def real(shared_data, tmp_path_factory) -> Path:
    """A folder in which the workflow has run on real clips of every kind, with a few steps of training a stage."""
    folder = tmp_path_factory.mktemp("real")
    some = {"hdtf": None, "hdtf256": 2, "wild": None}  # those of hdtf256 are all alike
    videos = [path for kind, count in some.items() for path in sorted((shared_data / kind).glob("*.mp4"))[:count]]
    with (folder / "clips.tsv").open("w", encoding="utf-8") as lines:
        print("clip", "video", "start", "end", "split", sep="\t", file=lines)
        for path in videos:
            cut = ("", "") if path.stem in WHOLE else (1, 2)
            print(path.stem, path.resolve(), *cut, "test" if path.stem in TESTED else "train", sep="\t", file=lines)
    settings = {"clips": "clips.tsv", "splits": {"crossed": 0}, **options()}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    output = snakemake(folder)
    assert output.returncode == 0, output.stderr[-4000:]
    return folder


def sources(folder: Path) -> dict[str, Path]:
    with (folder / "clips.tsv").open() as lines:
        return {row["clip"]: Path(row["video"]) for row in csv.DictReader(lines, delimiter="\t")}


def test_every_clip_has_round_25_times_its_seconds_frames_and_640_samples_for_each(real):
    for clip, video in sources(real).items():
        made = probe(real / f"results/clips/{clip}.mp4")
        assert made.fps == 25
        assert made.frames == frame_count(video_seconds(video) if clip in WHOLE else 1), clip
        assert soundfile.info(real / f"results/audio/{clip}.wav").frames == 640 * made.frames


def video_seconds(path: Path) -> float:
    """From the first picture's time to the end of the last, by the packets' own stamps."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        first = min(packet.pts for packet in packets)
        last = max(packets, key=lambda packet: packet.pts)
        return float((last.pts + last.duration - first) * stream.time_base)


def test_the_mouth_is_seen_in_every_real_clip(real):
    for clip in sources(real):
        with np.load(real / f"results/landmarks/{clip}.npz") as track:
            assert track["ok"].mean() > 0.95, clip
            assert np.isfinite(track["points"]).all()


@pytest.mark.parametrize("system", SYSTEMS)
def test_deliverables_have_the_source_size_and_every_frame(real, system):
    for clip in TESTED:
        source = probe(real / f"results/clips/{clip}.mp4")
        made = probe(real / f"results/videos/{system}/{clip}--{clip}.mp4")
        assert (made.width, made.height, made.frames) == (source.width, source.height, source.frames)
        assert abs(made.audio_duration - made.duration) < 0.07
