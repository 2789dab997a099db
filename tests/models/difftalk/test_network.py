"""The network as a whole at a tiny size; at the published one it is a parity case."""

import pytest
import torch
from torch import Tensor

from models.difftalk.network import DiffTalkNetwork

TINY = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (1,), "head_width": 4, "groups": 4}
TINY |= {"speech_width": 6, "neighbours": 4, "features": 12, "attention_channels": 8, "points": 9, "latent_channels": 2}


@pytest.fixture
def network() -> DiffTalkNetwork:
    torch.manual_seed(0)
    network = DiffTalkNetwork(**TINY).requires_grad_(False)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


@pytest.fixture
def inputs() -> dict[str, Tensor]:
    torch.manual_seed(1)
    x, masked, reference = torch.randn(3, 3, 2, 8, 8)
    return {"x": x, "t": torch.tensor([3, 400, 990]), "masked": masked, "reference": reference}


@pytest.fixture
def context(network) -> Tensor:
    torch.manual_seed(2)
    return network.context(torch.randn(3, 4, 16, 6), torch.rand(3, 9, 2) * 256)


def test_the_context_is_speech_then_landmarks(network):
    windows, landmarks = torch.randn(3, 4, 16, 6), torch.rand(3, 9, 2) * 256
    context = network.context(windows, landmarks)
    assert context.shape == (3, 1, 24)
    other = network.context(torch.randn(3, 4, 16, 6), landmarks)
    assert torch.equal(other[..., 12:], context[..., 12:])
    assert not torch.allclose(other[..., :12], context[..., :12])
    one = torch.stack([network.context(windows[[index]], landmarks[[index]])[0] for index in range(3)])
    torch.testing.assert_close(one, context, rtol=1e-4, atol=1e-4)


def test_the_latents_stand_in_the_published_order(network, inputs, context):
    joined = torch.cat([inputs["x"], inputs["masked"], inputs["reference"]], dim=1)
    assert torch.equal(network(**inputs, context=context), network.unet(joined, inputs["t"], context))


def test_prepared_equals_whole(network, inputs, context):
    x, t = inputs.pop("x"), inputs.pop("t")
    wanted = network(x, t, **inputs, context=context)
    ours = network.denoise(x, t, network.prepare(**inputs, context=context))
    assert (ours - wanted).norm() / wanted.norm() < 5e-6


def test_every_parameter_has_a_gradient(inputs):
    """Training on several devices waits for each of them."""
    network = DiffTalkNetwork(**TINY)
    context = network.context(torch.randn(3, 4, 16, 6), torch.rand(3, 9, 2))
    network(**inputs, context=context).sum().backward()
    assert [name for name, value in network.named_parameters() if value.grad is None] == []
