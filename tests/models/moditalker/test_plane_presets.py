"""Every size of MToV's UNet can be built and takes its planes; the published steps."""

import pytest
import torch

from models.diffusion import PREDICTIONS
from models.moditalker.presets import PRESETS
from toolkit.errors import InputError


@pytest.mark.parametrize("name", PRESETS["mtov"])
def test_a_preset_can_be_built(name):
    preset = PRESETS["mtov"][name]
    with torch.device("meta"):
        network = preset.build()
        positions = sum(height * width for height, width in network.planes)
        x = torch.empty(2, network.channels, positions)
        assert network(x, torch.empty(2, dtype=torch.int64), x, x, x).shape == x.shape
    assert preset.prediction in PREDICTIONS
    assert preset.overlap <= network.planes[1][0] // 2
    assert len(preset.sampling_schedule(start="noise")) == preset.steps


def test_published_steps():
    published = PRESETS["mtov"]["published"]
    assert published.sampling_schedule().steps.tolist() == list(range(9, 250, 10))
    assert published.sampling_schedule(start="noise").steps.tolist() == list(range(9, 1000, 10))
    assert published.sampling_schedule(20).steps.tolist() == [49, 99, 149, 199, 249]
    assert len(published.sampling_schedule(2)) == 1, "a step remains"
    with pytest.raises(InputError):
        published.sampling_schedule(1001)


def test_published_clips_are_encoded_as_far_apart_as_the_files_bear():
    gigabytes = 16 * 3600 * 25 / PRESETS["mtov"]["published"].stride * 4 * 4 * 2048 * 2 / 1e9
    assert gigabytes < 25, "for HDTF"
