"""One adapter per parity case; each module here offers a dict ADAPTERS from case name to adapter (see harness.py)."""

from importlib import import_module
from pathlib import Path

from harness import Adapter

ADAPTERS: dict[str, Adapter] = {}
for _file in sorted(Path(__file__).parent.glob("[a-z]*.py")):
    ADAPTERS |= import_module(f"adapters.{_file.stem}").ADAPTERS
