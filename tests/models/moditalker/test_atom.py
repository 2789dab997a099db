"""AToM's network: sizes, which speech it may see, and the condition that stands for none. Its numbers: tests/parity."""

import pytest
import torch

from models.checkpoints import published_shapes
from models.moditalker.atom import Conditions, MotionDecoder
from models.moditalker.presets import PRESETS

SIZES = {"width": 16, "heads": 2, "feed_forward": 32, "layers": 2, "encoder_layers": 1, "length": 6, "audio_width": 5}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return MotionDecoder(**SIZES).eval().requires_grad_(False)


def inputs(count: int) -> tuple[torch.Tensor, ...]:
    """Reference, speech, noisy motion, step."""
    random = torch.Generator().manual_seed(1)
    shapes = ((count, 1, 204), (count, 12, 5), (count, 6, 204))
    return *(torch.randn(shape, generator=random) for shape in shapes), torch.arange(count) * 100


def test_the_published_size():
    numbers = sum(torch.Size(shape).numel() for shape in published_shapes(MotionDecoder).values())
    assert numbers == 65_177_292 - 16_685_568
    assert published_shapes(MotionDecoder)["null_cond_embed"] == (1, 312, 512)


@pytest.mark.parametrize("options", [{}, {"normalised": True, "direct": True}])
def test_items_of_a_batch_do_not_touch_each_other(options):
    torch.manual_seed(0)
    network = MotionDecoder(**SIZES, **options).eval()
    reference, speech, x, t = inputs(3)
    with torch.no_grad():
        whole = network(x, t, network.conditions(reference, speech))
        alone = network(x[1:2], t[1:2], network.conditions(reference[1:2], speech[1:2]))
    assert whole.shape == (3, 6, 204)
    torch.testing.assert_close(whole[1:2], alone, rtol=1e-4, atol=1e-5)


def test_one_mask_drops_speech_and_face(network):
    reference, speech, x, t = inputs(2)
    given, without = network.conditions(reference, speech), network.without(2)
    mixed = given.where(torch.tensor([True, False]), without)
    assert isinstance(mixed, Conditions)
    for part, kept, dropped in zip(mixed, given, without, strict=True):
        assert torch.equal(part[0], kept[0])
        assert torch.equal(part[1], dropped[1])
        assert not torch.equal(kept[1], dropped[1])
    torch.testing.assert_close(network(x, t, mixed)[1], network(x, t, network.without(2))[1])


def test_loudness_of_the_speech_makes_no_difference_once_it_is_normalised():
    torch.manual_seed(0)
    network = MotionDecoder(**SIZES, normalised=True, dropout=0.0).train()
    reference, speech, x, t = inputs(4)
    one, other = (network(x, t, network.conditions(reference, given)) for given in (speech, 7 * speech + 3))
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("preset", ["small", "debug"])
def test_every_weight_learns(preset):
    torch.manual_seed(0)
    network = PRESETS["atom"][preset].build(5)
    count, length = 2, PRESETS["atom"][preset].length
    conditions = network.conditions(torch.randn(count, 1, 204), torch.randn(count, 2 * length, 5))
    conditions = conditions.where(torch.tensor([True, False]), network.without(count))
    network(torch.randn(count, length, 204), torch.tensor([3, 700]), conditions).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
