"""Which networks' weights are there, and why the others are not, by the records beside them."""

from collections.abc import Iterable
from pathlib import Path

from toolkit.files import read_json


def read_weights(records: Iterable[str | Path]) -> tuple[dict[str, Path], dict[str, str]]:
    """Paths of weights (.safetensors) by network, and reasons by absent network, from records `{network}.json` with
    `available` and, where that is false, `reason`."""
    there, absent = {}, {}
    for path in map(Path, records):
        record = read_json(path)
        if record["available"]:
            there[path.stem] = path.with_suffix(".safetensors")
        else:
            absent[path.stem] = record["reason"]
    return there, absent
