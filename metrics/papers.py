"""What papers report, beside what is measured here. A system keeps its paper's figures in its folder, in `paper.yaml`:

paper: name of the system, where it appeared
tables:
  - table: Table 1
    data: the clips that its figures are over
    kind: self                      # or crossed: another clip's speech
    note: why all of its figures may differ from those measured here
    system: {psnr: 28.18}           # by the metrics' names here
    ground_truth: {lse_d: 6.73}     # what the paper gives for the real videos
    notes: {psnr: why this one may, above all}
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

GROUND_TRUTH = "ground_truth"


class Figure(NamedTuple):
    """A value that a paper reports for `system`; `data` are the clips that it is over, `note` why ours may differ."""

    system: str
    kind: str
    metric: str
    value: float
    data: str
    note: str


def read_figures(paths: Iterable[str | Path]) -> list[Figure]:
    """The figures of the papers in `paths`, `<system>/paper.yaml` each."""
    return [figure for path in paths for figure in _figures(Path(path))]


def _figures(path: Path) -> Iterator[Figure]:
    paper = yaml.safe_load(path.read_text(encoding="utf-8"))
    for table in paper["tables"]:
        data = f"{table['data']}; {paper['paper']}, {table['table']}"
        for system, values in ((path.parent.name, table["system"]), (GROUND_TRUTH, table.get("ground_truth", {}))):
            for metric, value in values.items():
                note = table.get("notes", {}).get(metric, table["note"])
                yield Figure(system, table["kind"], metric, value, data, note)
