import subprocess
import sys

from metrics.registry import AFTERWARDS, BY_NAME, FROM_FRAMES, METRICS


def test_every_metric_is_described_once():
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert metric.name.isidentifier()
        assert metric.arrow in "↑↓≈"
        assert all((metric.title, metric.unit, metric.definition, metric.source))


def test_every_file_can_be_asked_for_its_values():
    assert all(callable(file.measure) for file in FROM_FRAMES)
    assert all(callable(file.compute) for file in AFTERWARDS)


def test_tables_and_scores_without_networks_need_no_torch():
    code = "import sys, metrics.scoring, metrics.tables; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
