import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from metrics import cpbd, fvd, psnr, smoothness, ssim
from metrics.measure import MetricInputs
from metrics.registry import AFTERWARDS, BY_NAME, FROM_FRAMES, METRICS
from toolkit.settings import read_schema


def test_every_metric_is_described_once():
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert metric.name.isidentifier()
        assert metric.arrow in "↑↓≈"
        assert all((metric.title, metric.unit, metric.definition, metric.source))


def test_every_file_can_be_asked_for_its_values():
    assert all(callable(file.measure) for file in FROM_FRAMES)
    assert all(callable(file.compute) for file in AFTERWARDS)


def test_the_configuration_knows_which_windows_fvd_takes():
    schema = read_schema(Path(__file__).parents[2] / "config.schema.yaml")
    window = schema["properties"]["metrics"]["properties"]["fvd_window"]
    assert (window["minimum"], window["maximum"], window["default"]) == (
        fvd.LEAST,
        fvd.MOST,
        MetricInputs(None).fvd_window,
    )


def test_tables_and_scores_without_networks_need_no_torch():
    code = "import sys, metrics.scoring, metrics.tables; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_depends_on_the_size_of_the_picture_says_so():
    """A blurred moving picture beside the sharp one, at 256 pixels and halved."""
    sharp = [np.roll(astronaut()[::2, ::2], 4 * shift, axis=1) for shift in range(3)]
    large = [(cv2.GaussianBlur(picture, (0, 0), 1), picture) for picture in sharp]
    small = [[cv2.resize(frame, (128, 128), interpolation=cv2.INTER_AREA) for frame in pair] for pair in large]
    values: tuple[dict, dict] = {}, {}
    for found, pairs in zip(values, (large, small), strict=True):
        for file in (psnr, ssim, cpbd, smoothness):
            measure = file.measure(MetricInputs(None))
            for generated, reference in pairs:
                measure.update(generated, reference)
            found |= measure.result()
    for name, value in values[0].items():
        same = values[1][name] == pytest.approx(value, rel=0.01)
        assert same is not BY_NAME[name].size_dependent, (name, value, values[1][name])
