"""benchmarks.fewer_steps on networks that have learnt nothing."""

import numpy as np
import pytest

from benchmarks import fewer_steps
from benchmarks.trained import Trained
from tests.benchmarks.trained_networks import CLIP, write_results
from tests.systems import SYSTEMS

FEW = [("ddim", 8, 0), ("ddim", 8, 0), ("unipc", 2, 0)]


def test_every_system_has_its_choices():
    assert SYSTEMS.keys() == fewer_steps.CHOICES.keys()


@pytest.mark.parametrize("name", SYSTEMS)
def test_fewer_steps_are_measured_against_the_most(tmp_path, monkeypatch, name):
    monkeypatch.setitem(fewer_steps.CHOICES, name, FEW)
    write_results(tmp_path, name)
    table = fewer_steps.compare(Trained(tmp_path, name, "debug", "mel"), CLIP, 2)
    assert table[["sampler", "steps", "seed"]].to_records(index=False).tolist() == FEW
    assert table.levels[:2].tolist() == [0, 0]
    assert 0 < table.levels[2] < 255
    assert (table["ms/frame"] > 0).all()


def test_ancestral_samples_are_compared_among_themselves(tmp_path, monkeypatch):
    choices = [("ancestral", 4, 0), ("ancestral", 4, 1), ("ddim", 2, 0)]
    monkeypatch.setitem(fewer_steps.CHOICES, "diffused_heads", choices)
    write_results(tmp_path, "diffused_heads")
    levels = fewer_steps.compare(Trained(tmp_path, "diffused_heads", "debug", "mel"), CLIP, 1).levels
    assert levels[0] == levels[2] == 0 < levels[1]


def test_where_nobody_is_seen_the_mouth_has_no_number(tmp_path):
    clip = write_results(tmp_path, "difftalk")
    assert np.isnan(fewer_steps.mouth(np.zeros((3, 64, 64, 3), np.uint8), clip)).all()
