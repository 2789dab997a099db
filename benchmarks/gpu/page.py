"""The section of docs/benchmarks.md that a run fills, between two marks."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.table import Table
from toolkit.errors import InputError

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"
BEGIN, END = "<!-- python -m benchmarks.gpu docs: begin -->", "<!-- end -->"


def fill(outs: Sequence[Path], page: Path = PAGE) -> None:
    """Put the tables of one run, or of several of different parts, between the marks in the page."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InputError(page, "the marks of the GPU's section are not there", f"Put {BEGIN} and {END} into it")
    tables = [Table.read(out) for out in outs]
    rows, notes = ([each for table in tables for each in getattr(table, name)] for name in ("rows", "notes"))
    text = Table(outs[0], rows, list(dict.fromkeys(notes))).markdown()
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
