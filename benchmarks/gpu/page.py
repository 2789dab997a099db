"""The section of docs/benchmarks.md that a run fills, between two marks."""

from pathlib import Path

from benchmarks.gpu.table import Table
from toolkit.errors import InputError

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"
BEGIN, END = "<!-- python -m benchmarks.gpu docs: begin -->", "<!-- end -->"


def fill(out: Path, page: Path = PAGE) -> None:
    """Put the tables of OUT between the marks in the page."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InputError(page, "the marks of the GPU's section are not there", f"Put {BEGIN} and {END} into it")
    page.write_text(f"{before}{BEGIN}\n\n{Table.read(out).markdown()}\n{END}{after}", encoding="utf-8")
