"""benchmarks.flicker on networks that have learnt nothing."""

import numpy as np
import pytest

from benchmarks.flicker import change, compare
from benchmarks.trained import Trained
from tests.benchmarks.trained_networks import CLIP, write_results


def test_change_is_that_of_what_is_painted_in_both():
    pictures = np.zeros((3, 2, 2, 3), np.uint8)
    pictures[1:, 0, 0], pictures[:, 1, 1] = 10, np.arange(3)[:, None] * 100
    painted = np.zeros((3, 2, 2), bool)
    painted[:, 0, 0] = True
    painted[1, 1, 1] = True
    assert change(pictures, painted) == 5


def test_held_pictures_change_with_fresh_noise_alone(tmp_path):
    write_results(tmp_path, "difftalk")
    table = compare(Trained(tmp_path, "difftalk", "debug", "mel"), CLIP, 4).set_index("noise")
    assert table.held["fresh"] > 1 > 0.1 > table.held["fixed"]
    assert table.speaking["fresh"] > table.speaking["fixed"] > 0
    assert table.speaking["(the clip)"] == pytest.approx(4, abs=1)
