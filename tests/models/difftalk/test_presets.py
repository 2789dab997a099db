"""Every size can be built, and takes what its first stage gives."""

import pytest
import torch

from models.difftalk.presets import PRESETS
from models.diffusion import PREDICTIONS
from toolkit.errors import InputError


@pytest.mark.parametrize("preset", PRESETS["unet"])
def test_the_stages_fit_together(preset):
    first, second = PRESETS["first_stage"][preset], PRESETS["unet"][preset]
    with torch.device("meta"):
        stage, network = first.build(), second.build(speech_width=80)
        latents = stage.encode(torch.empty(2, 3, first.size, first.size))
        channels = first.network.get("latent_channels", 3)
        assert latents.shape == (2, channels, first.size // 4, first.size // 4)
        context = network.context(torch.empty(2, 8, 16, 80), torch.empty(2, 39, 2))
        steps = torch.empty(2, dtype=torch.int64)
        assert network(latents, steps, latents, latents, context).shape == latents.shape
        assert stage.decode(latents, quantised=False).shape == (2, 3, first.size, first.size)
    assert second.prediction in PREDICTIONS
    assert len(second.sampling_schedule()) == second.steps


def test_published_steps():
    published = PRESETS["unet"]["published"]
    assert published.sampling_schedule().steps.tolist() == list(range(1, 1000, 5))
    assert published.sampling_schedule(4).steps.tolist() == [1, 251, 501, 751]
    assert len(published.sampling_schedule(7)) == 8
    for impossible in (27, 1000, 2000):
        with pytest.raises(InputError):
            published.sampling_schedule(impossible)
