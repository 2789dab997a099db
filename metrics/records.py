"""Where the scores of a run stand."""

from collections.abc import Sequence
from pathlib import Path

from toolkit.pairs import read_pairs


def score_files(folders: Sequence[str | Path], pairs: str | Path) -> list[Path]:
    """The records ({pair}.json) in folders of scores (`{system}/{batch}`): system by system in the folders' order, a
    system's in the order of the table of pairs."""
    order = {pair.name: number for number, pair in enumerate(read_pairs(pairs))}
    systems: dict[Path, list[Path]] = {}
    for folder in map(Path, folders):
        systems.setdefault(folder.parent, []).extend(folder.glob("*.json"))
    return [path for files in systems.values() for path in sorted(files, key=lambda path: order[path.stem])]
