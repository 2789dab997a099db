"""How long Snakemake plans, per pair: the table of docs/benchmarks.md.

    python -m benchmarks.planning

A table of clips is written whose files are empty, as it is once they have been inspected and split, and everything is
planned (`snakemake --dry-run`) for some numbers of pairs. Time is processor time of the whole command, the least of some
turns, so that other work on the machine weighs little; per pair it is less that of a plan for four pairs, which is mostly
start-up.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from toolkit.files import write_json, write_text
from toolkit.pairs import Pair, pair_name, pair_of

HOME = Path(__file__).parents[1]
SYSTEMS = ("still", "diffdub", "diffused_heads")
TRAINED = [f"train-{number}" for number in range(8)]  # clips to train with, however many pairs there are
FEW = 4


def pairs_of_clips(count: int) -> list[Pair]:
    """`count` pairs of half as many clips: each with its own speech and with the next one's."""
    clips = [f"test-{number:05}" for number in range(count // 2)]
    return [pair_of(*pair) for pair in zip(clips * 2, clips + clips[1:] + clips[:1], strict=True)]


def lay_clips(folder: Path, pairs: list[Pair]) -> None:
    """What planning reads: the configuration, the table, empty videos, verdicts and splits."""
    tested = sorted({pair.video for pair in pairs})
    rows = [f"{clip}\tvideos/{clip}.mp4" for clip in TRAINED + tested]
    write_text(folder / "clips.tsv", "\n".join(["clip\tvideo", *rows, ""]))
    write_json(folder / "config.yaml", {"clips": "clips.tsv", "systems": list(SYSTEMS)})  # JSON is YAML
    for clip in TRAINED + tested:
        write_text(folder / f"videos/{clip}.mp4", "")
    for clip in TRAINED + tested:
        write_json(folder / f"results/inspected/{clip}.json", {"clip": clip, "usable": True})
    for split, clips in (("train", TRAINED), ("test", tested)):
        write_text(folder / f"results/splits/{split}.txt", "".join(f"{clip}\n" for clip in clips))
    lines = ["\t".join((pair_name(pair.video, pair.audio), *pair)) for pair in pairs]
    write_text(folder / "results/splits/pairs.tsv", "\n".join(["pair\tvideo\taudio\tkind", *lines, ""]))


def planning_time(count: int) -> float:
    """Processor seconds of a plan for `count` pairs."""
    with tempfile.TemporaryDirectory() as folder:
        lay_clips(Path(folder), pairs_of_clips(count))
        words = ["-s", str(HOME / "Snakefile"), "--cores", "1", "--dry-run", "--workflow-profile", "none"]
        begin = resource.getrusage(resource.RUSAGE_CHILDREN)
        plan = subprocess.run([sys.executable, "-m", "snakemake", *words], cwd=folder, capture_output=True, text=True)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
    if plan.returncode:
        raise RuntimeError(plan.stderr)
    return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[160, 1600], help="numbers of pairs (even)")
    parser.add_argument("--turns", type=int, default=3, help="how often each is planned")
    options = parser.parse_args()
    turns = [[planning_time(count) for count in (FEW, *options.pairs)] for _ in range(options.turns)]
    start_up, *least = map(min, zip(*turns, strict=True))
    print(f"| pairs | whole plan (s) | per pair beyond {FEW} (ms) |\n|---|---|---|")
    for count, seconds in zip(options.pairs, least, strict=True):
        print(f"| {count} | {seconds:.1f} | {1000 * (seconds - start_up) / (count - FEW):.1f} |")


if __name__ == "__main__":
    main()
