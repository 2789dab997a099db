"""Rows of measurements, written anew after every part, so that a run can be stopped at any time."""

import csv
import time
from dataclasses import dataclass, field
from pathlib import Path

COLUMNS = ("part", "system", "what", "settings", "value", "unit", "goal")


@dataclass
class Table:
    """Measurements with where they go; `deadline` is the end of the part that runs, in seconds of `time.monotonic`."""

    folder: Path
    rows: list[dict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    deadline: float = 0.0

    def begin(self, seconds: float) -> None:
        """A part begins, with its seconds."""
        self.deadline = time.monotonic() + seconds

    def has_time(self, seconds: float = 0.0) -> bool:
        """Whether something that takes `seconds` still fits into the part."""
        return time.monotonic() + seconds < self.deadline

    def add(self, part: str, system: str, what: str, settings: str, value: float, unit: str, goal: str = "") -> None:
        """One measurement."""
        row = dict(zip(COLUMNS, (part, system, what, settings, f"{value:.4g}", unit, goal), strict=True))
        self.rows.append(row)
        print(*row.values(), sep=" | ", flush=True)

    def note(self, text: str) -> None:
        """What was not run, or failed, and why."""
        self.notes.append(text)
        print(text, flush=True)

    def write(self) -> None:
        """gpu.csv and gpu.md as far as they are."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "gpu.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        lines = [COLUMNS, ["---"] * len(COLUMNS), *(row.values() for row in self.rows)]
        text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        notes = "".join(f"- {note}\n" for note in self.notes)
        (self.folder / "gpu.md").write_text(f"{text}\n\n{notes}", encoding="utf-8")
