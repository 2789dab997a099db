"""Snakemake's progress as a compact view: a bar for each phase and what every running job last wrote to its log.

`snakemake --logger talkflow`; `make demo` takes it, `make demo VIEW=plain` takes Snakemake's own lines. Snakemake finds a
logger by the name of this package, anywhere on Python's path.
"""

from logging import ERROR, WARNING, LogRecord

from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_talkflow.run import Run
from snakemake_logger_plugin_talkflow.screen import Screen


class LogHandler(LogHandlerBase):
    """Hands Snakemake's events to the `Run`, which the `Screen` shows; warnings and errors stand above it in full."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.run = Run()
        self.screen = Screen(self.run)

    def emit(self, record: LogRecord) -> None:
        """Take one record; a fault of this view never stops the workflow."""
        try:
            self._take(record)
        except Exception:
            self.handleError(record)

    def _take(self, record: LogRecord) -> None:
        event = getattr(record, "event", None)
        if self.common_settings.dryrun:
            self._say(record)
        elif event == LogEvent.RUN_INFO:
            self.run.plan({rule: jobs for rule, jobs in record.stats.items() if rule != "total"})
            self.screen.start()
        elif event == LogEvent.JOB_INFO:
            self.run.begin(record.jobid, record.rule_name, dict(record.wildcards or {}), list(record.log or []))
        elif event == LogEvent.JOB_FINISHED:
            self.run.end(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            self.screen.say(Text(f"✗ {self.run.fail(record.jobid)}", style="red"))
        elif event == LogEvent.PROGRESS:
            self.run.done, self.run.total = record.done, record.total
        elif event == LogEvent.ERROR and record.exception == "RuleException" and self.run.running:
            pass  # how Python came to know that a job failed, which JOB_ERROR says next
        elif record.levelno >= WARNING or (event is None and not self.run.total):
            self._say(record)

    def _say(self, record: LogRecord) -> None:
        text = self.format(record).strip("\n")
        style = "red" if record.levelno >= ERROR else "yellow" if record.levelno >= WARNING else ""
        if text and text != "None":
            self.screen.say(Text(text, style=style))

    def close(self) -> None:
        """Leave the phases on the screen, with nothing running, and the terminal as it was."""
        self.screen.stop()
        super().close()
