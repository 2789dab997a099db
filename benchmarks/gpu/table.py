"""Rows of measurements, written anew with every row, so that a run can be stopped at any time."""

import csv
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

COLUMNS = ("part", "system", "what", "settings", "value", "unit", "times the published flow (goal 10 to 20)", "goal")
SUBJECT = COLUMNS[1:4]
LAST = COLUMNS[6:]


@dataclass
class Table:
    """Measurements with where they go; `deadline` is the end of the part that runs, in seconds of `time.monotonic`."""

    folder: Path
    rows: list[dict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    deadline: float = 0.0
    failed: bool = False

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The table that a run left in a folder."""
        with (folder / "gpu.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        _, *notes = (folder / "gpu.md").read_text(encoding="utf-8").rstrip("\n").split("\n- ")
        return cls(folder, rows, notes)

    def begin(self, seconds: float) -> None:
        """A part begins, with its seconds."""
        self.deadline = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that the part still has."""
        return self.deadline - time.monotonic()

    def has_time(self, seconds: float = 0.0) -> bool:
        """Whether something that takes `seconds` still fits into the part."""
        return self.left > seconds

    @contextmanager
    def share(self, of: int) -> Iterator[None]:
        """Within the block, as the first of `of` equals that are still to come, the part has its share of what is left."""
        end = self.deadline
        self.begin(self.left / of)
        yield
        self.deadline = end

    def add(
        self,
        part: str,
        system: str,
        what: str,
        settings: str,
        value: float,
        unit: str,
        goal: str = "",
        times: float | None = None,
    ) -> None:
        """One measurement; `times` is how many times as fast as the published flow it is."""
        ratio = "" if times is None else f"{times:.3g}"
        values = (part, system, what, settings, f"{value:.4g}", unit, ratio, goal)
        self.rows.append(dict(zip(COLUMNS, values, strict=True)))
        self.write()
        print(*values, sep=" | ", flush=True)

    def note(self, text: str) -> None:
        """What was not run, or failed, and why."""
        self.notes.append(text)
        self.write()
        print(text, flush=True)

    @contextmanager
    def unfinished(self, text: str) -> Iterator[None]:
        """`text` is among the notes until the block has ended: a run may be killed at any moment."""
        self.notes.append(text)
        self.write()
        try:
            yield
        except Exception as fault:  # the next part may well run
            traceback.print_exc()
            self.failed = True
            self.note(f"failed: {type(fault).__name__}: {(str(fault).splitlines() or [''])[0][:200]}")
        self.notes.remove(text)
        self.write()

    def markdown(self) -> str:
        """A table of each part, a line for each thing that was measured, then the notes."""
        parts = list(dict.fromkeys(row["part"] for row in self.rows))
        tables = [self._part([row for row in self.rows if row["part"] == part]) for part in parts]
        return "\n\n".join([*tables, "\n".join(["Notes:\n", *(f"- {note}" for note in self.notes)])]) + "\n"

    @staticmethod
    def _part(rows: list[dict]) -> str:
        units = list(dict.fromkeys(row["unit"] for row in rows))
        last = [name for name in LAST if any(row[name] for row in rows)]
        subjects: dict[tuple, dict] = {}
        for row in rows:
            line = subjects.setdefault(tuple(row[name] for name in SUBJECT), {})
            line |= {row["unit"]: row["value"]} | {name: row[name] for name in last if row[name]}
        lines = [[*SUBJECT, *units, *last], ["---"] * (len(SUBJECT) + len(units) + len(last))]
        lines += [[*subject, *(line.get(name, "") for name in (*units, *last))] for subject, line in subjects.items()]
        return "\n".join([f"Part {rows[0]['part']}:\n", *(f"| {' | '.join(line)} |" for line in lines)])

    def write(self) -> None:
        """gpu.csv and gpu.md as far as they are."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "gpu.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        (self.folder / "gpu.md").write_text(self.markdown(), encoding="utf-8")
