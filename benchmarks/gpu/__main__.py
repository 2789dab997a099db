"""The command lines of `benchmarks.gpu`."""

import argparse
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.gpu.clock import torch_arithmetic
from benchmarks.gpu.prepared import Prepared
from benchmarks.gpu.table import Table
from toolkit.errors import InputError

SECONDS = {"b": 180, "d": 200, "c": 60, "e": 90, "a": 60}
"""Of each part, in the order in which they run."""


def main(arguments: list[str] | None = None) -> None:
    """One of the commands, or the run on a GPU."""
    words = sys.argv[1:] if arguments is None else arguments
    command = COMMANDS.get(words[0]) if words else None
    if command:
        command(words[1:])
    else:
        _run(words)


def _run(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description="What a GPU does with the systems.")
    parser.add_argument("prepared", type=Path, help="what `prepare` made")
    parser.add_argument("out", type=Path, help="folder of tables and pictures")
    parser.add_argument("--parts", default="".join(SECONDS), help="which parts, in this order")
    parser.add_argument("--seconds", type=float, help="of each part, in place of its own number")
    parser.add_argument("--tiny", action="store_true", help="small networks, for a CPU")
    parser.add_argument("--cases", default="", help="only parity cases with this in their names")
    chosen = parser.parse_args(words)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen.out.mkdir(parents=True, exist_ok=True)
    table = Table(chosen.out)
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or "CPU"
    table.note(f"{name}, torch {torch.__version__}, Python {platform.python_version()}")
    for number, part in enumerate(chosen.parts):
        later = chosen.parts[number + 1 :]
        with table.unfinished(f"stopped in part {part}; parts not run: {', '.join(later) or 'none'}"):
            run = _part(part, device, chosen)  # what it imports is none of the part's seconds
            torch_arithmetic()
            table.begin(SECONDS[part] if chosen.seconds is None else chosen.seconds)
            run(table)
    if table.failed:
        sys.exit("a part failed, as the notes say")


def _part(part: str, device: torch.device, chosen: argparse.Namespace) -> Callable[[Table], None]:
    """A part, ready to run."""
    batches, prepared = (1, 2) if chosen.tiny else (1, 4, 16, 64), Prepared(chosen.prepared)
    if part == "a":
        from benchmarks.gpu.parity import parity

        return lambda table: parity(table, device, chosen.cases)
    if part == "b":
        from benchmarks.gpu.speed import sampling

        return lambda table: sampling(table, device, chosen.tiny, batches)
    if part == "c":
        from benchmarks.gpu.samplers import samplers

        return lambda table: samplers(table, prepared, device, chosen.tiny, batches)
    if part == "d":
        from benchmarks.gpu.faces import faces

        return lambda table: faces(table, prepared, chosen.tiny)
    if part == "e":
        from benchmarks.gpu.steps import training

        return lambda table: training(table, prepared, device, chosen.tiny)
    raise InputError(part, "there is no such part", f"Choose from {', '.join(SECONDS)}")


def _prepare(words: list[str]) -> None:
    from benchmarks.gpu.prepare import prepare

    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu prepare", description="What the GPU machine gets.")
    parser.add_argument("data", type=Path, help="folder of real clips, with hdtf256 in it")
    parser.add_argument("prepared", type=Path, help="folder that is written")
    parser.add_argument("--tiny", action="store_true", help="few clips, each its first second: for a test")
    chosen = parser.parse_args(words)
    prepare(chosen.data, chosen.prepared, chosen.tiny)


def _measure(words: list[str]) -> None:
    from benchmarks.gpu.measure import measure

    for out in _outs("measure", "The mouths in the pictures that came back.", words):
        measure(out)


def _docs(words: list[str]) -> None:
    from benchmarks.gpu.page import fill

    fill(_outs("docs", "docs/benchmarks.md's section from the tables of runs.", words))


def _outs(name: str, description: str, words: list[str]) -> list[Path]:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.gpu {name}", description=description)
    parser.add_argument("out", type=Path, nargs="+", help="folder that a run wrote")
    return parser.parse_args(words).out


COMMANDS = {"prepare": _prepare, "measure": _measure, "docs": _docs}

if __name__ == "__main__":
    main()
