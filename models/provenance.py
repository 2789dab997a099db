"""What a system's weights were trained on, by the records beside them, and what that means for who looks at a face."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path


def read_records(weights: Iterable[str | Path]) -> list[dict]:
    """The records (.json) beside weights. One that is missing or is no record of ours is left out: anybody's folder of
    weights may be named in the configuration."""
    records = []
    for path in weights:
        try:
            record = json.loads(Path(path).with_suffix(".json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if _is_ours(record):
            records.append(record)
    return records


def _is_ours(record: object) -> bool:
    """Whether it is what the workflow writes beside weights that it has trained or fetched."""
    if not isinstance(record, dict) or not {"system", "stage"} <= record.keys():
        return False
    trained = {"preset", "steps", "seed"} <= record.keys() and isinstance(record.get("clips"), list)
    return trained or "origin" in record


def caution(system: str, records: Sequence[dict]) -> str | None:
    """One line on weights that are a demonstration, and what to do; None where the records say nothing of that kind."""
    reasons = []
    synthetic = [record for record in records if record.get("synthetic_clips") and "clips" in record]
    if synthetic:
        counts = ", ".join(
            f"{record['stage']} on {record['synthetic_clips']} of {len(record['clips'])} clips" for record in synthetic
        )
        reasons.append(f"were trained on synthetic talkers ({counts})")
    if any(record.get("preset") == "debug" for record in records):
        reasons.append("have the preset debug, a network for trying the workflow out")
    if not reasons:
        return None
    problem = f"its weights {' and '.join(reasons)}: a real face comes out blurred, with a garbled mouth"
    remedy = f"Set {system}: weights: published, or train {system}: preset: small on clips of your own"
    return f"{system}: {problem}. {remedy}"
