import pytest
import torch

from models.diffdub.layers import TimeEmbedding
from models.diffdub.presets import PRESETS
from models.diffdub.renderer import Renderer

DEBUG = PRESETS["renderer"]["debug"]


@pytest.fixture(scope="module")
def renderer():
    """The debug network, its zero-initialised layers disturbed as if it had been trained."""
    torch.manual_seed(0)
    network = DEBUG.build().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


def inputs(count=3, size=64):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 6, size, size, generator=generator)
    return x, torch.arange(count) * 300, torch.randn(count, DEBUG.network["latent"], generator=generator)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_published_network_has_its_published_size():
    with torch.device("meta"):
        network = PRESETS["renderer"]["published"].build()
    assert len(network.state_dict()) == 706
    assert count(network) == pytest.approx(168.50e6, abs=0.01e6)
    assert count(network.encoder) == pytest.approx(30.15e6, abs=0.01e6)


def test_a_fresh_network_predicts_nothing():
    x, t, latent = inputs()
    assert (DEBUG.build()(x, t, latent) == 0).all()


def test_frames_of_a_batch_do_not_know_of_each_other(renderer):
    x, t, latent = inputs()
    with torch.no_grad():
        together, alone = renderer(x, t, latent), renderer(x[1:2], t[1:2], latent[1:2])
        torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(renderer.encode(x[:, :3])[2:], renderer.encode(x[2:, :3]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("changed", ["noisy image", "reference", "time", "latent"])
def test_every_input_matters(renderer, changed):
    x, t, latent = inputs()
    other = [value.clone() for value in (x, t, latent)]
    if changed == "noisy image":
        other[0][:, 0] += 0.1
    elif changed == "reference":
        other[0][:, 5] += 0.1
    elif changed == "time":
        other[1] += 100
    else:
        other[2] += 0.1
    with torch.no_grad():
        assert (renderer(x, t, latent) - renderer(*other)).abs().max() > 1e-4


def test_every_parameter_learns(renderer):
    x, t, _ = inputs()
    renderer(x, t, renderer.encode(x[:, :3])).square().mean().backward()
    silent = [name for name, parameter in renderer.named_parameters() if not parameter.grad.abs().max() > 0]
    renderer.zero_grad(set_to_none=True)
    assert silent == []


def test_oblong_pictures_pass(renderer):
    x, t, latent = inputs(1)
    assert renderer(x[..., :32], t, latent).shape == (1, 3, 64, 32)


def test_half_precision_stays_near(renderer):
    """bfloat16 autocast, the fast way of sampling, has 8 bits of mantissa: about 1 %."""
    x, t, latent = inputs()
    with torch.no_grad():
        exact = renderer(x, t, latent)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            fast = renderer(x, t, latent).float()
    error = ((fast - exact).norm() / exact.norm()).item()
    assert 0 < error < 0.03


def test_patches_are_channels_of_a_smaller_picture(renderer):
    """The same weights in a network without patches, given pictures whose blocks of p x p are folded by hand."""
    p = DEBUG.network["patch"]
    side = 64 // p
    plain = Renderer(**{**DEBUG.network, "patch": 1}, in_channels=6 * p**2, image_channels=3 * p**2).eval()
    plain.load_state_dict(renderer.state_dict())
    x, t, latent = inputs()
    folded = x.unfold(2, p, p).unfold(3, p, p).permute(0, 1, 4, 5, 2, 3).flatten(1, 3)
    with torch.no_grad():
        answer = plain(folded, t, latent).view(3, 3, p, p, side, side).permute(0, 1, 4, 2, 5, 3).reshape(3, 3, 64, 64)
        torch.testing.assert_close(renderer(x, t, latent), answer)
        torch.testing.assert_close(renderer.encode(x[:, :3]), plain.encode(folded[:, : 3 * p**2]))


def test_time_embedding_puts_cosines_first():
    layer = TimeEmbedding(8, 4)
    with torch.no_grad():
        first = layer.time_embed[0]
        torch.nn.init.zeros_(first.bias)
        waves = torch.cat([torch.cos(torch.tensor([7.0])), torch.sin(torch.tensor([7.0]))])
        torch.nn.init.zeros_(first.weight)
        first.weight[0, 0], first.weight[1, 4] = 1, 1
        hidden = first.weight.new_zeros(4)
        hidden[:2] = waves
        wanted = layer.time_embed[2](torch.nn.functional.silu(hidden))
        torch.testing.assert_close(layer(torch.tensor([7]))[0], wanted)
