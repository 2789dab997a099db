"""The table of the demo's synthetic talkers."""

import csv
from pathlib import Path

from toolkit.errors import InputError


def read_talker(table: str | Path, clip: str) -> dict[str, str]:
    """The row of a talker: `clip`, `speech`, `look`, `seed`; InputError where there is none of that name."""
    with Path(table).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            if row["clip"] == clip:
                return row
    raise InputError(f"results/demo/{clip}.mp4", "is no talker of the demo", f"See {table}")
