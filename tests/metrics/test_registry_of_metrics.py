from metrics.landmark_distance import LANDMARK_DISTANCES
from metrics.registry import BY_NAME, METRICS


def test_every_metric_is_described_once():
    assert len(BY_NAME) == len(METRICS)
    assert set(LANDMARK_DISTANCES) < set(BY_NAME)
    for metric in METRICS:
        assert metric.name.isidentifier()
        assert metric.needs
        assert metric.arrow in "↑↓≈"
        assert all((metric.title, metric.unit, metric.definition, metric.source))
