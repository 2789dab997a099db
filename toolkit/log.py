"""One log per job: every line goes to the rule's log file, progress and worse to the terminal too, and no traceback is lost."""

import logging
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.errors import InputError

logger = logging.getLogger("talkflow")

PROGRESS = 25
"""The level of lines that say how far a long job is: what a terminal shows of it, though it is no warning."""
logging.addLevelName(PROGRESS, "PROGRESS")
_INTERVAL = 30.0  # seconds between two of them
_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?P<level>[A-Z]+) (?P<text>.*)")
_OF_A_LIBRARY = re.compile(r"\S+\.py:\d+: ")  # how Python begins a warning; some libraries leave its kind out


@contextmanager
def job_log(path: str | Path) -> Iterator[logging.Logger]:
    """Log a script's work to `path` and standard error.

    An `InputError` becomes one line and exit status 1; anything else is written with its traceback and raised again.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Training on several GPUs starts this script again for each (LOCAL_RANK): those write on in the first one's log.
    to_file = logging.FileHandler(path, mode="a" if "LOCAL_RANK" in os.environ else "w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_terminal = logging.StreamHandler(sys.stderr)
    to_terminal.setFormatter(logging.Formatter(f"[{path.parent.name}/{path.stem}] %(message)s"))
    to_terminal.setLevel(PROGRESS)
    logging.captureWarnings(True)
    handlers = [(logger, to_file), (logger, to_terminal), (logging.getLogger("py.warnings"), to_file)]
    for target, handler in handlers:
        target.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield logger
    except InputError as error:
        logger.error("%s", error)
        raise SystemExit(1) from None
    except Exception:
        logger.exception("failed")
        raise
    finally:
        for target, handler in handlers:
            target.removeHandler(handler)
        to_file.close()


def progress(items: Iterable, total: int, title: str, unit: str) -> Iterator:
    """Yield the items, `total` in all, and log every half minute how many there were, how fast and how long it will take."""
    begin = shown = time.monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - shown >= _INTERVAL and number < total:
            pace = (now - begin) / number
            left = pace * (total - number) / 60
            words = "%s: %s %d of %d, %.3g s each, %.1f min left"
            logger.log(PROGRESS, words, title, unit, number, total, pace, left)
            shown = now


def remarks(folder: str | Path, since: float = 0.0) -> list[str]:
    """Each warning and refusal in the job logs of `folder` that were written since then (s since 1970), in full: `{job}: {text}`.

    What several jobs say in the same words stands once. Libraries' own warnings stay in the logs.
    """
    jobs: dict[str, list[str]] = {}
    for path in sorted(Path(folder).rglob("*.log")):
        if path.stat().st_mtime >= since:
            for text in _remarks(path.read_text(encoding="utf-8", errors="replace")):
                jobs.setdefault(text, []).append(str(path.relative_to(folder).with_suffix("")))
    return [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {text}" for text, names in jobs.items()
    ]


def _remarks(log: str) -> list[str]:
    """Texts of a log's lines at level WARNING or above, each with the lines that belong to it (a traceback)."""
    found: list[tuple[str, list[str]]] = []
    for line in log.splitlines():
        begin = _LINE.match(line)
        if begin:
            found.append((begin["level"], [begin["text"]]))
        elif found:
            found[-1][1].append(line)
    texts = ["\n".join(lines) for level, lines in found if level in ("WARNING", "ERROR", "CRITICAL")]
    return [text for text in texts if not _OF_A_LIBRARY.match(text)]
