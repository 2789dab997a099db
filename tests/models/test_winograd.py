"""The quick convolution is the direct one, and takes its place only where it can."""

import copy

import pytest
import torch
from torch import nn

from models.winograd import LARGEST, Winograd, with_winograd

SIZES = [(1, 2, 2), (3, 4, 6), (40, 4, 4), (2, 32, 32), (3, 46, 48), (1, 2, 900)]


@pytest.fixture(params=[True, False], ids=["bias", "no_bias"])
def direct(request) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(96, 104, 3, padding=1, bias=request.param).requires_grad_(False)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@torch.no_grad()
def test_equal_at_any_even_size(direct, size, layout):
    count, height, width = size
    x = torch.randn(count, 96, height, width).to(memory_format=layout)
    quick = Winograd(direct)
    wanted = direct(x)
    ours = quick(x)
    assert (quick.kernel is not None) == (height * width < LARGEST)
    assert ours.shape == wanted.shape
    assert (ours - wanted).norm() / wanted.norm() < 1e-6


@pytest.mark.parametrize("size", [(3, 4), (4, 3), (64, 64)])
@torch.no_grad()
def test_direct_where_it_does_not_fit(direct, size):
    quick = Winograd(direct)
    x = torch.randn(2, 96, *size)
    assert torch.equal(quick(x), direct(x))
    assert quick.kernel is None


def test_direct_for_other_arithmetic_and_for_gradients(direct):
    quick = Winograd(direct)
    x = torch.randn(2, 96, 4, 4)
    with torch.no_grad():
        assert quick(x).dtype == torch.float32
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(quick(x), direct(x))
        double = copy.deepcopy(quick).double()
        torch.testing.assert_close(double(x.double()), quick(x).double(), rtol=1e-4, atol=1e-5)
    x.requires_grad_()
    quick(x).sum().backward()
    assert x.grad.any()


@torch.no_grad()
def test_a_network_answers_the_same():
    torch.manual_seed(0)
    suitable = nn.Conv2d(96, 96, 3, padding=1)
    others = [
        nn.Conv2d(3, 96, 3, padding=1),
        nn.Conv2d(96, 96, 3, padding=1, stride=2),
        nn.Conv2d(96, 96, 3, padding=1, groups=2),
        nn.Conv2d(96, 96, 3, padding=1, dilation=1, padding_mode="reflect"),
        nn.Conv2d(96, 96, 1),
        nn.Conv2d(96, 95, 3, padding=1),
        nn.Conv2d(95, 96, 3),
    ]
    network = nn.Sequential(others[0], nn.Sequential(suitable, nn.SiLU()), *others[1:])
    x = torch.randn(2, 3, 16, 16)
    wanted = network(x)
    quick = with_winograd(network)
    ours = quick(x)
    assert [type(layer) for layer in quick.modules()].count(Winograd) == 1
    assert quick[1][0].direct is suitable
    assert (ours - wanted).norm() / wanted.norm() < 1e-6
