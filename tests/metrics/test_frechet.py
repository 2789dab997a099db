"""The distance against its closed form, and against the same rows taken in differently."""

import numpy as np
import pytest

from metrics.frechet import Moments, frechet_distance
from metrics.metric import NotComputed


def moments(rows: np.ndarray, *cuts: int) -> Moments:
    made = Moments()
    for part in np.split(rows, cuts):
        made.update(part)
    return made


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(60, 12)).astype(np.float32)


def test_same_set_is_at_zero(rows):
    assert frechet_distance(moments(rows), moments(rows[::-1])) == pytest.approx(0, abs=1e-6)


def test_shift_and_scale_have_a_closed_form(rows):
    """x -> 2x + 3: |m1 - m2|² + tr C (1 - 2)²."""
    rows = rows.astype(np.float64)
    expected = np.square(rows.mean(0) + 3).sum() + np.trace(np.cov(rows.T))
    assert frechet_distance(moments(rows), moments(2 * rows + 3)) == pytest.approx(expected)


@pytest.mark.parametrize("count", [5, 12, 60])
def test_rows_may_come_in_any_pieces(rows, count):
    """Also where the sums begin: with more rows than columns."""
    other = np.random.default_rng(1).normal(size=(30, 12))
    whole = frechet_distance(moments(rows[:count]), moments(other))
    assert frechet_distance(moments(rows[:count], 2, 3), moments(other, 10, 20)) == pytest.approx(whole, rel=1e-9)


def test_rows_and_sums_agree(rows):
    """40 rows among 50 columns are kept; the same rows in 12 of the columns, the rest zero, are summed."""
    wide = np.concatenate([rows[:40], np.zeros((40, 38), np.float32)], axis=1)
    other = np.random.default_rng(1).normal(size=(40, 12))
    other_wide = np.concatenate([other, np.zeros((40, 38))], axis=1)
    narrow = frechet_distance(moments(rows[:40]), moments(other))
    assert frechet_distance(moments(wide), moments(other_wide)) == pytest.approx(narrow, rel=1e-9)


def test_one_row_has_no_spread(rows):
    with pytest.raises(NotComputed, match="has 1 and 60"):
        frechet_distance(moments(rows[:1]), moments(rows))
