"""Which networks' weights are there, and why the others are not, by the records beside them."""

import os
from collections.abc import Iterable
from pathlib import Path

from toolkit.files import read_json

_PLAN = "TALKFLOW_ASKED_AGAIN"


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


def asked_again(records: Iterable[str | Path]) -> int:
    """How often fetching has been asked for anew, by the records that there are; once more where an address that could
    not be reached answers now, so that a rule which has this among its parameters asks again."""
    found = [read_json(path) for path in records if Path(path).exists()]
    asked = max((record.get("asked_again", 0) for record in found), default=0)
    unreached = [record["unreached"] for record in found if "unreached" in record]
    if not unreached:
        return asked
    from toolkit.downloads import reachable  # half a second, which no other plan of a run needs

    return asked + any(map(reachable, unreached))


def asking(records: Iterable[str | Path]) -> int:
    """What a run's plan is made by: `asked_again`, looked up once. The jobs' own processes, before which Snakemake removes
    the records, find it in their environment."""
    if _PLAN not in os.environ:
        os.environ[_PLAN] = str(asked_again(records))
    return int(os.environ[_PLAN])
