"""How the results were made, for the report: settings, weights and their licences, time and memory."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from metrics.registry import BY_NAME
from toolkit.faces.detectors import LICENCES

MOST_VALUES = 3
"""Values of one setting that are listed; a setting that every pair has its own of is only counted."""


def settings(records: Iterable[dict]) -> dict[str, str]:
    """What the scores say of how they were computed, but for single metrics' settings; where records differ, all of it."""
    found = defaultdict(dict)
    for record in records:
        for name, value in record["settings"].items():
            if name not in BY_NAME:
                found[name][str(value)] = None
    return {
        name: " · ".join(values) if len(values) <= MOST_VALUES else f"{len(values)} different ones"
        for name, values in found.items()
    }


def versions(records: Iterable[dict]) -> dict[str, str]:
    """Libraries and their versions; several where results of several installations came together."""
    found = defaultdict(dict)
    for record in records:
        for library, version in record["versions"].items():
            found[library][version] = None
    return {library: " and ".join(releases) for library, releases in found.items()}


def trainings(presets: Mapping[str, tuple[str, str]], records: Iterable[dict]) -> list[dict]:
    """How each system's weights were trained: a row for each record of its stages, or one where there is none.

    A row has `system`, `stage`, `preset`, `weights` (where they are from), `steps`, `clips` (names, None where nobody
    recorded them) and how many of those are `synthetic`. `presets` are (preset, weights) by system, as configured;
    a record's own preset, steps and clips are those that its weights were trained with.
    """
    records = list(records)
    rows = []
    for system, (preset, source) in presets.items():
        of_system = [record for record in records if record.get("system") == system] or [{}]
        rows += [
            {
                "system": system,
                "stage": record.get("stage", "all"),
                "preset": record.get("preset", preset),
                "weights": record.get("origin", "trained here" if source == "trained" else source),
                "steps": record.get("steps"),
                "clips": record.get("clips"),
                "synthetic": record.get("synthetic_clips", 0),
            }
            for record in of_system
        ]
    return rows


def weights(trained: Iterable[dict], records: Iterable[dict], encoders: Mapping[str, str]) -> list[dict]:
    """Every network's weights: `name`, what it is `used` for, where it `came` from, its `licence` and `digest`.

    `trained` are the records beside the systems' weights, whether trained here or published; `records` the scores,
    which hold those of the networks that measure; `encoders` the models that encode speech, by the encoder's name.
    """
    records = list(records)
    rows = [_of_a_system(record) for record in trained]
    rows += [
        {"name": name, "used": "encodes speech", "came": model, "licence": "see the model's card", "digest": None}
        for name, model in encoders.items()
    ]
    measuring = {name: record for scored in records for name, record in scored.get("weights", {}).items()}
    rows += [{"name": name, "used": "measures", **_published(record)} for name, record in measuring.items()]
    detectors = dict.fromkeys(name for record in records if (name := record["settings"].get("detector")))
    rows += [
        {"name": name, "used": "finds faces", "came": "its package", "licence": LICENCES[name], "digest": None}
        for name in detectors
    ]
    return rows


def _of_a_system(record: dict) -> dict:
    about = {"name": f"{record['system']}, {record['stage']}", "used": "generates"}
    if "origin" in record:
        return about | _published(record)
    made = f"trained here: preset {record['preset']}, {record['steps']} steps on {len(record['clips'])} clips"
    came = f"{made}, seed {record['seed']}"
    return {**about, "came": came, "licence": "that of its training clips", "digest": record.get("sha256")}


def _published(record: dict) -> dict:
    digest = record.get("origin_sha256") or record.get("sha256")
    return {"came": record["origin"], "licence": record.get("licence", "not stated"), "digest": digest}


def stages(benchmarks: Path | None) -> list[dict]:
    """Time and memory of each rule from Snakemake's benchmark files, `{rule}.tsv` and
    `{rule}/**/{job}.tsv`."""
    if benchmarks is None or not benchmarks.is_dir():
        return []
    rows: list[dict] = []
    by_rule = defaultdict(list)
    for path in sorted(benchmarks.rglob("*.tsv")):
        by_rule[Path(path.relative_to(benchmarks).parts[0]).stem].append(pd.read_csv(path, sep="\t"))
    for rule, jobs in by_rule.items():
        table = pd.concat(jobs)
        seconds, memory = table["s"], pd.to_numeric(table["max_rss"], errors="coerce")  # "-" for a very short job
        row = {"jobs": len(table), "total": seconds.sum(), "mean": seconds.mean(), "memory": memory.max()}
        rows.append({"rule": rule, **row})
    return rows
