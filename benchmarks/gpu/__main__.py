"""Run the parts one after the other, each within its seconds; the table is written after each."""

import argparse
import platform
from pathlib import Path

import torch

from benchmarks.gpu.parity import parity
from benchmarks.gpu.speed import sampling, training
from benchmarks.gpu.table import Table

PARTS = ("b", "a", "e")


def main(arguments: list[str] | None = None) -> None:
    """The command line (see `benchmarks.gpu`)."""
    parser = argparse.ArgumentParser(description="What a GPU does with the published networks.")
    parser.add_argument("out", type=Path, help="folder of the table")
    parser.add_argument("--parts", default="".join(PARTS), help="which parts, in this order")
    parser.add_argument("--seconds", type=float, default=90, help="of each part")
    parser.add_argument("--tiny", action="store_true", help="small networks, for a CPU")
    parser.add_argument("--cases", default="", help="only parity cases with this in their names")
    chosen = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batches = (1, 2) if chosen.tiny else (1, 4, 16, 64)
    table = Table(chosen.out)
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or "CPU"
    table.note(f"{name}, torch {torch.__version__}, Python {platform.python_version()}")
    for part in chosen.parts:
        table.begin(chosen.seconds)
        if part == "a":
            parity(table, device, chosen.cases)
        elif part == "b":
            sampling(table, device, chosen.tiny, batches)
        elif part == "e":
            training(table, device, chosen.tiny, batches)
    table.write()


if __name__ == "__main__":
    main()
