"""The view: phases and running jobs at the bottom of the terminal, everything else above them.

Jobs share Snakemake's standard error, and what they write there would tear the view apart. So while it stands, that
stream goes into a file in `.snakemake/log`; what jobs warn of and refuse is in their own logs too, and the workflow says it at
its end.
"""

import os
import sys
import time
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snakemake_logger_plugin_talkflow.run import ORDER, Run

MOST_JOBS = 8
"""Running jobs that are shown."""


class Screen:
    """Shows a run until it is stopped. `start` and `stop` may be called more than once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._aside: Path | None = None
        self._terminal = os.dup(2)
        self._console = Console(file=os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace"), highlight=False)
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        """Show the view, and put standard error aside."""
        if self._aside is None:
            self._aside = Path(f".snakemake/log/{time.strftime('%Y-%m-%dT%H%M%S')}.{os.getpid()}.stderr.log").absolute()
            self._aside.parent.mkdir(parents=True, exist_ok=True)
            with self._aside.open("a") as file:
                sys.stderr.flush()
                os.dup2(file.fileno(), 2)
            self._live.start()

    def say(self, text: Text) -> None:
        """Print above the view, for good."""
        self._console.print(text, soft_wrap=True)

    def stop(self) -> None:
        """Leave the last state on the screen and give standard error back."""
        if self._aside is not None and self._live.is_started:
            self.run.running.clear()
            self._live.stop()
            if not self._console.is_terminal:
                self._console.line()  # which a terminal has got by itself
            sys.stderr.flush()
            os.dup2(self._terminal, 2)
            if self.run.failed and self._aside.stat().st_size:
                self.say(Text(f"What jobs wrote beside their logs: {self._aside}"))

    def _render(self) -> RenderableType:
        """The phases, the whole run and the running jobs, as they are now."""
        phases = Table.grid(padding=(0, 2))
        for name in ORDER:
            if jobs := self.run.jobs(name):
                done, failed = self.run.finished.get(name, 0), self.run.failed.get(name, 0)
                known = self.run.is_known(name)
                words = Text(f"{done} of {jobs}" if known else f"{done} so far")
                words.append(f", {failed} failed" if failed else "", style="red")
                phases.add_row(Text(name, style="bold"), ProgressBar(jobs if known else None, done, width=40), words)
        minutes, seconds = divmod(int(time.monotonic() - self.run.begun), 60)
        words = Text(f"{self.run.done} of {self.run.total} jobs, {minutes}:{seconds:02d} min")
        phases.add_row(Text("all", style="bold"), ProgressBar(self.run.total, self.run.done, width=40), words)
        running = list(self.run.running.values())
        lines = [
            Text.assemble(
                ("• ", "cyan"), (f"{job.rule} {job.about}".strip(), "cyan"), f" {job.seconds:.0f} s  {job.last_line()}"
            )
            for job in running[:MOST_JOBS]
        ]
        if len(running) > MOST_JOBS:
            lines.append(Text(f"and {len(running) - MOST_JOBS} more", style="dim"))
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(phases, *lines)
