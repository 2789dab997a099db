"""One log per job: every line goes to the rule's log file and to the terminal, and no traceback is lost."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.errors import InputError

logger = logging.getLogger("talkflow")


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
    to_terminal.setLevel(logging.WARNING)
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
