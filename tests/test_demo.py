"""The demo as shipped: after its short training each system's mouth follows speech that it has never heard."""

from pathlib import Path
from statistics import mean

import pytest

from tests.running import table
from tests.systems import SYSTEMS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows(demo: Path) -> list[dict]:
    """The rows of the demo's table."""
    return table(demo)


def average(rows: list[dict], system: str, kind: str, metric: str) -> float:
    return mean(float(row[metric]) for row in rows if (row["system"], row["kind"]) == (system, kind) and row[metric])


EACH_SYSTEM = pytest.mark.parametrize(("system", "least"), [(name, row.correlation) for name, row in SYSTEMS.items()])


@EACH_SYSTEM
def test_the_mouth_follows_held_out_speech(rows, system, least):
    assert average(rows, system, "self", "mouth_correlation") >= least


@EACH_SYSTEM
def test_it_opens_as_widely_as_the_truth_does(rows, system, least):
    assert 0.5 <= average(rows, system, "self", "mouth_spread") <= 1.5


@EACH_SYSTEM
def test_another_clips_speech_moves_it_otherwise(rows, system, least):
    own = average(rows, system, "self", "mouth_correlation")
    assert own - average(rows, system, "crossed", "mouth_correlation_video") >= 0.3


@EACH_SYSTEM
def test_its_mouth_is_nearer_the_truth_than_a_held_one(rows, system, least):
    assert average(rows, system, "self", "m_lmd") < average(rows, "still", "self", "m_lmd")
