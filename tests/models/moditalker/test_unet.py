"""MToV's UNet at tiny sizes; at the published one it is a parity case."""

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from models.moditalker.unet import PlaneUNet

TINY = {"size": 4, "frames": 2, "channels": 2, "width": 8, "multipliers": (1, 2), "attention": (0,), "blocks": 1}
TINY |= {"heads": 2, "groups": 4}
EXACT = 5e-6  # the parity cases' bar


@pytest.fixture
def unet() -> PlaneUNet:
    """With no layer that is zero."""
    unet, generator = PlaneUNet(**TINY), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in unet.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return unet


def batch() -> tuple[Tensor, Tensor, list[Tensor]]:
    """A noisy latent, steps, and the latents of motion, masked video and reference."""
    generator = torch.Generator().manual_seed(1)
    x, *known = torch.randn(4, 2, 2, 32, generator=generator)
    return x, torch.tensor([7, 407]), known


def apart(ours: Tensor, wanted: Tensor) -> float:
    """Relative error."""
    return ((ours - wanted).norm() / wanted.norm()).item()


def test_what_is_prepared_once_changes_nothing(unet):
    x, t, known = batch()
    assert apart(unet.denoise(x, t, unet.prepare(*known)), unet(x, t, *known)) < EXACT


def test_a_step_computes_nothing_of_the_known_latents(unet):
    x, t, known = batch()
    prepared = unet.prepare(*known)
    costs = []
    for call in (lambda: unet(x, t, *known), lambda: unet.denoise(x, t, prepared)):
        with FlopCounterMode(display=False) as counter:
            call()
        costs.append(counter.get_total_flops() // 2)
    items, known_channels, width, positions = 2, 6, 8, 32
    assert costs[0] - costs[1] == items * known_channels * width * 9 * positions


def test_every_latent_counts_in_every_plane_but_the_reference_beyond_its_xy_plane(unet):
    x, t, known = batch()
    first = unet(x, t, *known)
    for number, latent in enumerate((x, *known)):
        for place in (0, 20, 31):  # in the xy, yt and xt plane
            inputs = [value.clone() for value in (x, *known)]
            inputs[number] = latent.index_fill(2, torch.tensor([place]), 3.0)
            changed = (unet(inputs[0], t, *inputs[1:]) != first).any(dim=1).all(dim=0)
            assert changed.all() == (number < 3 or place < 16), (number, place)


def test_a_fresh_network_answers_nothing():
    x, t, known = batch()
    assert not PlaneUNet(**TINY)(x, t, *known).any()


def test_the_published_network_costs_what_was_counted():
    """Multiply-accumulates of a step (specification, section 10), and without those of the known latents."""
    with torch.device("meta"):
        unet = PlaneUNet()
        x, t = torch.empty(1, 4, 2048), torch.empty(1, dtype=torch.int64)
        prepared = unet.prepare(x, x, x)
        for giga, call in {35.802: lambda: unet(x, t, x, x, x), 35.774: lambda: unet.denoise(x, t, prepared)}.items():
            with FlopCounterMode(display=False) as counter:
                call()
            assert counter.get_total_flops() / 2e9 == pytest.approx(giga, abs=0.001)
    assert sum(value.numel() for value in unet.parameters()) == 132_172_804
