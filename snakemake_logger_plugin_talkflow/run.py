"""What a run has done and is doing: jobs by phase, and the last line of each running job's log."""

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

PHASES = {
    "train": r"(train|encode|fetch_weights)",
    "sample": r"(sample|link_sample|stabilise|restore|mux|dub)",
    "score": r"(score|fetch_metric|collect|build_report)",
    "prepare": "",
}
"""What the rules' names begin with, by phase; what begins otherwise prepares."""
ORDER = ("prepare", "train", "sample", "score")
TARGETS = ("all", *ORDER)
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ")


def phase(rule: str) -> str:
    """The phase of a rule, by its name."""
    return next(name for name, begin in PHASES.items() if re.match(begin, rule))


@dataclass
class Job:
    """A job that runs: its rule, what it is about, and its log."""

    rule: str
    about: str
    log: Path | None
    since: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since

    def last_line(self) -> str:
        """The last line of its log so far, without its time and level; empty where there is none."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
                lines = file.read().decode("utf-8", "replace").split("\n")[:-1]  # the last may not be whole yet
        except (OSError, AttributeError):
            return ""
        return _STAMP.sub("", lines[-1]) if lines else ""


class Run:
    """Jobs by phase. Before a checkpoint Snakemake itself does not know all that will follow it: `planned` grows then.

    done, total: jobs of the whole run, as Snakemake counts them.
    """

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.done = self.total = 0
        self.planned: dict[str, int] = {}
        self.started: dict[str, int] = {}
        self.finished: dict[str, int] = {}
        self.failed: dict[str, int] = {}
        self.running: dict[int, Job] = {}

    def plan(self, stats: dict[str, int]) -> None:
        """Take over how many jobs each rule will have."""
        self.total = sum(stats.values())
        for rule, jobs in stats.items():
            if rule not in TARGETS:
                self.planned[phase(rule)] = self.planned.get(phase(rule), 0) + jobs

    def begin(self, number: int, rule: str, wildcards: dict, logs: list) -> None:
        """A job starts."""
        if rule not in TARGETS:
            about = "--".join(map(str, wildcards.values()))
            self.running[number] = Job(rule, about, Path(str(logs[0])) if logs else None)
            self.started[phase(rule)] = self.started.get(phase(rule), 0) + 1

    def end(self, number: int) -> None:
        """A job is through."""
        if job := self.running.pop(number, None):
            self.finished[phase(job.rule)] = self.finished.get(phase(job.rule), 0) + 1

    def fail(self, number: int) -> str:
        """A job has failed; returns a line that says which, and where to read more."""
        job = self.running.pop(number, None)
        if job is None:
            return f"job {number} failed"
        self.failed[phase(job.rule)] = self.failed.get(phase(job.rule), 0) + 1
        return f"{job.rule} {job.about} failed".replace("  ", " ") + (f"; its log is {job.log}" if job.log else "")

    def jobs(self, name: str) -> int:
        """Jobs of a phase, as far as they are known."""
        return max(self.planned.get(name, 0), self.started.get(name, 0))

    def is_known(self, name: str) -> bool:
        """Whether a phase has no more jobs than `jobs` says: it keeps to its plan, or every job of the run has a phase."""
        targets = 1
        return self.started.get(name, 0) <= self.planned.get(name, 0) or (
            sum(map(self.jobs, ORDER)) + targets >= self.total
        )
