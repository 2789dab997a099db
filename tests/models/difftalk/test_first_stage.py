"""The first stage at tiny sizes; at the published one it is a parity case."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.difftalk import first_stage
from models.difftalk.first_stage import FirstStage, PlaceAttention, Quantiser

TINY = {"width": 8, "multipliers": (1, 2, 2), "blocks": 1, "codes": 50, "groups": 4}


@pytest.fixture
def network() -> FirstStage:
    torch.manual_seed(0)
    return FirstStage(**TINY)


@pytest.mark.parametrize(("settings", "factor"), [({}, 4), ({"patch": 2}, 8), ({"multipliers": (1, 2)}, 2)])
def test_sizes(settings, factor):
    network = FirstStage(**TINY | settings | {"latent_channels": 4})
    images = torch.randn(2, 3, 16, 24)
    latents = network.encode(images)
    assert network.factor == factor
    assert latents.shape == (2, 4, 16 // factor, 24 // factor)
    assert network.decode(latents).shape == images.shape
    assert network(images)[0].shape == images.shape


def test_the_nearest_code_is_chosen_whatever_is_held_at_a_time(monkeypatch):
    torch.manual_seed(0)
    quantiser = Quantiser(40, 3)
    torch.nn.init.normal_(quantiser.embedding.weight)
    latents = torch.randn(2, 3, 5, 4)
    distances = torch.cdist(latents.permute(0, 2, 3, 1).reshape(-1, 3), quantiser.embedding.weight)
    for held in (2**22, 100, 1):
        monkeypatch.setattr(first_stage, "DISTANCES", held)
        nearest = quantiser(latents)
        assert torch.equal(nearest.indices.flatten(), distances.argmin(dim=1))
        torch.testing.assert_close(nearest.latents, quantiser.embedding(nearest.indices).permute(0, 3, 1, 2))


def test_gradients_of_the_quantiser():
    """Straight on to the latents; of the loss, a quarter of the codes' pull and the whole of the latents'."""
    torch.manual_seed(0)
    quantiser = Quantiser(40, 3)
    latents = torch.randn(2, 3, 5, 4, requires_grad=True)
    weights = torch.randn(2, 3, 5, 4)
    nearest = quantiser(latents)
    passed, none = torch.autograd.grad(
        (nearest.latents * weights).sum(), [latents, quantiser.embedding.weight], allow_unused=True
    )
    assert torch.equal(passed, weights)
    assert none is None
    difference = (quantiser.embedding(nearest.indices).permute(0, 3, 1, 2) - latents).detach()
    torch.testing.assert_close(nearest.loss, 1.25 * difference.square().mean())
    pulled, codes = torch.autograd.grad(nearest.loss, [latents, quantiser.embedding.weight])
    torch.testing.assert_close(pulled, -2 * difference / difference.numel())
    wanted = torch.zeros(40, 3).index_add_(
        0, nearest.indices.flatten(), 0.5 * difference.permute(0, 2, 3, 1).reshape(-1, 3) / difference.numel()
    )
    torch.testing.assert_close(codes, wanted)


def test_what_is_quantised_already_is_not_again(network):
    latents = network.encode(torch.randn(1, 3, 16, 16))
    chosen = network.quantize(latents).latents
    with torch.no_grad():
        torch.testing.assert_close(network.decode(latents), network.decode(chosen, quantised=False))
        assert not torch.allclose(network.decode(latents), network.decode(latents, quantised=False))


def test_attention_is_softmax_over_all_places():
    torch.manual_seed(0)
    layer = PlaceAttention(8, groups=4)
    x = torch.randn(2, 8, 3, 5)
    with torch.no_grad():
        query, key, value = (part(layer.norm(x)).flatten(2) for part in (layer.q, layer.k, layer.v))
        weights = (torch.einsum("nci,ncj->nij", query, key) / 8**0.5).softmax(dim=-1)
        wanted = x + layer.proj_out(torch.einsum("nij,ncj->nci", weights, value).view_as(x))
        torch.testing.assert_close(layer(x), wanted, rtol=1e-4, atol=1e-5)


def test_each_picture_is_by_itself(network):
    images = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        alone = torch.cat([network.decode(network.encode(image[None])) for image in images])
        torch.testing.assert_close(network.decode(network.encode(images)), alone, rtol=1e-4, atol=1e-5)


def test_the_published_network_costs_what_was_counted():
    """Multiply-accumulates of a picture of 256 x 256 (specification, section 15; decoding without the 0.1 G of choosing codes)."""
    with torch.device("meta"):
        network = FirstStage()
        picture, latents = torch.empty(1, 3, 256, 256), torch.empty(1, 3, 64, 64)
        for call, giga in ((lambda: network.encode(picture), 172.6), (lambda: network.decode(latents, False), 335.3)):
            with FlopCounterMode(display=False) as counter:
                call()
            assert counter.get_total_flops() / 2e9 == pytest.approx(giga, abs=0.1)
    assert sum(value.numel() for value in network.state_dict().values()) == 55_322_782
