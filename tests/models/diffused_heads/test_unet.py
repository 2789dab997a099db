"""The network: its size, its forms, and what its answer depends on."""

import pytest
import torch
from torch import Tensor, nn

from models.diffused_heads.unet import AUDIO_MODULATION, UNet

SMALL = {"width": 16, "multipliers": (1, 2, 2), "blocks": 1, "head_width": 16, "groups": 4, "audio_width": 6}


def disturbed(**settings) -> UNet:
    """A small network none of whose layers is zero."""
    torch.manual_seed(0)
    network = UNet(**{**SMALL, **settings}).eval()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    return network


def inputs(count: int = 2, height: int = 16, width: int = 16, motion_channels: int = 3) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "x": torch.randn(count, 3, height, width, generator=generator),
        "t": torch.arange(count) * 300 + 100,
        "identity": torch.randn(count, 3, height, width, generator=generator),
        "motion": torch.randn(count, 2 * motion_channels, height, width, generator=generator),
        "audio": torch.randn(count, 5, 6, generator=generator),
    }


@pytest.mark.parametrize(
    ("settings", "millions"),
    [({}, 215.75), ({"motion_channels": 1}, 215.74), ({"attention": ()}, 203.93)],
    ids=["colour", "grey", "attention in the middle alone"],
)
def test_the_published_networks_have_their_size(settings, millions):
    with torch.device("meta"):
        network = UNet(**settings)
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 2) == millions


def test_published_heads_are_64_channels_wide():
    with torch.device("meta"):
        network = UNet()
    assert network.middle_block[1].heads == 12


@torch.no_grad()
def test_heads_change_the_answer_and_no_shape():
    one, two = disturbed(head_width=32), disturbed(head_width=None, heads=2)
    two.load_state_dict(one.state_dict())
    assert not torch.allclose(one(**inputs()), two(**inputs()))
    assert torch.equal(disturbed(head_width=16)(**inputs()), disturbed(heads=2, head_width=None)(**inputs()))


def test_a_fresh_network_answers_zero():
    assert not UNet(**SMALL)(**inputs()).any()


@pytest.mark.parametrize("motion_channels", [3, 1], ids=["colour", "grey"])
@pytest.mark.parametrize("size", [(16, 16), (4, 20), (28, 12)])
@torch.no_grad()
def test_any_size_that_halves_twice(size, motion_channels):
    network = disturbed(motion_channels=motion_channels)
    assert network.input_blocks[0][0].in_channels == 6 + 2 * motion_channels
    answer = network(**inputs(2, *size, motion_channels=motion_channels))
    assert answer.shape == (2, 6, *size)
    assert answer.isfinite().all()


@pytest.mark.parametrize("settings", [{}, {"motion_frames": 3, "out_channels": 3, "audio_window": 3}], ids=str)
@torch.no_grad()
def test_blocks_of_pixels_are_a_network_on_folded_pictures(settings):
    """The same weights answer in folded channels what they answer in blocks."""
    patched = disturbed(patch=2, **settings)
    folded = disturbed(
        channels=12, motion_channels=12, **{**settings, "out_channels": 4 * settings.get("out_channels", 6)}
    )
    folded.load_state_dict(patched.state_dict())
    given = inputs()
    given["motion"] = torch.randn(2, 3 * settings.get("motion_frames", 2), 16, 16)
    given["audio"] = given["audio"][:, : settings.get("audio_window", 5)]
    fold = {name: nn.functional.pixel_unshuffle(given[name], 2) for name in ("x", "identity", "motion")}
    wanted = nn.functional.pixel_shuffle(folded(**given | fold), 2)
    torch.testing.assert_close(patched(**given), wanted, rtol=0, atol=0)
    assert wanted.shape[1] == settings.get("out_channels", 6)


@pytest.mark.parametrize("condition", AUDIO_MODULATION)
@torch.no_grad()
def test_frames_of_a_batch_do_not_know_of_each_other(condition):
    network = disturbed(audio_condition=condition, size=16)
    given = inputs(3)
    whole = network(**given)
    for row in range(3):
        alone = network(**{name: value[row : row + 1] for name, value in given.items()})
        torch.testing.assert_close(alone, whole[row : row + 1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("condition", AUDIO_MODULATION)
@torch.no_grad()
def test_everything_that_it_is_given_matters(condition):
    network = disturbed(audio_condition=condition, size=16)
    given = inputs()
    answer = network(**given)
    for name, value in given.items():
        other = network(**given | {name: value + (torch.arange(5)[:, None] if name == "audio" else 1)})
        assert (other - answer).abs().max() > 1e-4, name


@torch.no_grad()
def test_each_motion_frame_and_each_embedding_has_its_own_place():
    network, given = disturbed(), inputs()
    older, newer = given["motion"].chunk(2, dim=1)
    assert not torch.allclose(network(**given), network(**given | {"motion": torch.cat([newer, older], dim=1)}))
    assert not torch.allclose(network(**given), network(**given | {"audio": given["audio"].flip(1)}))


@torch.no_grad()
def test_time_is_told_by_the_published_angles():
    """They fall over twice the width, 32 here: the last of 8 turns at 10000^(-7/32), not at 10000^(-7/8)."""
    network, heard = disturbed(), []
    network.time_embed["fc"].register_forward_pre_hook(lambda module, given: heard.append(given[0]))
    network(**inputs())
    angles = torch.tensor([[100.0], [400.0]]) * 10_000 ** (-torch.arange(8) / 32)
    torch.testing.assert_close(heard[0], torch.cat([angles.cos(), angles.sin()], dim=1), rtol=0, atol=1e-3)


@pytest.mark.parametrize("settings", [{"audio_condition": name} for name in AUDIO_MODULATION] + [{"patch": 2}], ids=str)
def test_every_tensor_learns(settings):
    """Once none is zero; a tensor without a gradient stalls data-parallel training."""
    network = disturbed(size=16, **settings)
    (network(**inputs()) * torch.randn(2, 6, 16, 16)).sum().backward()
    idle = [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert not idle
