import numpy as np
import pytest

from metrics.metric import NotComputed
from metrics.mouth import HELD, mouth_correlation, mouth_spread, opening_track

WAVE = 0.1 + 0.1 * np.sin(np.arange(100) / 5)


def faces(opening):
    """Landmarks whose mouth opens by `opening` outer-eye distances of 50 pixels."""
    points = np.zeros((len(opening), 68, 2))
    points[:, 45, 0] = 50
    points[:, 66, 1] = 50 * np.asarray(opening)
    return points


def test_a_copy_correlates_fully_whatever_its_scale():
    assert mouth_correlation(0.5 * WAVE + 0.3, WAVE) == pytest.approx(1)
    assert mouth_spread(0.5 * WAVE + 0.3, WAVE) == pytest.approx(0.5)
    assert mouth_correlation(-WAVE, WAVE) == pytest.approx(-1)


def test_a_quarter_period_is_no_correlation():
    angle = np.arange(200) * 2 * np.pi / 50
    assert mouth_correlation(np.sin(angle), np.cos(angle)) == pytest.approx(0, abs=1e-12)


def test_the_shorter_track_counts():
    longer = np.concatenate([WAVE, np.full(50, 9.0)])
    assert mouth_correlation(longer, WAVE) == pytest.approx(1)
    assert mouth_spread(WAVE, longer) == pytest.approx(1)
    with pytest.raises(NotComputed, match="two frames"):
        mouth_correlation(WAVE, WAVE[:1])


def test_a_held_mouth_has_no_correlation_and_no_spread():
    held = np.full(100, 0.2)
    with pytest.raises(NotComputed, match="the mouth does not move"):
        mouth_correlation(held, WAVE)
    assert mouth_spread(held, WAVE) == pytest.approx(0, abs=1e-12)
    with pytest.raises(NotComputed, match="does not move"):
        mouth_correlation(held + 0.5 * HELD * np.random.default_rng(0).uniform(-1, 1, 100), WAVE)


def test_nothing_can_follow_a_silent_truth():
    for metric in (mouth_correlation, mouth_spread):
        with pytest.raises(NotComputed, match="true mouth"):
            metric(WAVE, np.zeros(100))


def test_frames_without_a_face_are_filled_by_straight_lines():
    ok = np.ones(6, bool)
    ok[[0, 2, 3, 5]] = False
    points = faces([9, 0.1, 9, 9, 0.4, 9])
    points[~ok] = np.nan
    np.testing.assert_allclose(opening_track(points, ok), [0.1, 0.1, 0.2, 0.3, 0.4, 0.4], rtol=1e-12)
    with pytest.raises(NotComputed, match="no face"):
        opening_track(points, np.zeros(6, bool))
