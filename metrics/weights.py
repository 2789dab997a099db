"""Which networks' weights are there, and why the others are not, by the records beside them."""

import os
from collections.abc import Iterable
from pathlib import Path

from toolkit.files import read_json

_PLAN = "TALKFLOW_RETRIES"


def available_networks(records: Iterable[str | Path]) -> tuple[dict[str, Path], dict[str, str]]:
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


def retries(records: Iterable[str | Path]) -> int:
    """How many more times than once fetching has been tried, by the records that there are; one more where an address that
    could not be reached answers now."""
    known = [read_json(path) for path in records if Path(path).exists()]
    count = max((record.get("retries", 0) for record in known), default=0)
    unreached = [record["unreached"] for record in known if "unreached" in record]
    if not unreached:
        return count
    from toolkit.downloads import reachable  # half a second, which no other plan of a run needs

    return count + any(map(reachable, unreached))


def retry_token(records: Iterable[str | Path]) -> int:
    """`retries` as a rule's parameter: it changes, and the rule runs again, when a retry is worth while.

    It is looked up once a run. Snakemake removes a job's outputs before the job starts, the records among them, so the
    jobs' processes take it from their environment.
    """
    if _PLAN not in os.environ:
        os.environ[_PLAN] = str(retries(records))
    return int(os.environ[_PLAN])
