"""First weights from principal components: clips of few kinds of patches are given back from the start."""

import pytest
import torch

from models.moditalker.autoencoder import VideoAutoencoder
from models.moditalker.components import start_with_components


@pytest.fixture
def network() -> VideoAutoencoder:
    torch.manual_seed(0)
    return VideoAutoencoder(
        size=16, frames=3, patch=4, channels=24, depth=1, heads=2, head_width=8, plane_depth=1, latent_channels=5
    )


def still_videos(kinds: int, n: int = 6) -> torch.Tensor:
    """Videos (n, 3, 3, 16, 16) that stand still, whose patches are sums of so many kinds."""
    shapes = torch.randn(kinds, 3, 4, 4)
    shares = torch.randn(n, kinds, 4, 4) / (3 * kinds**0.5)
    pictures = torch.einsum("nkyx,kcij->ncyixj", shares, shapes).reshape(n, 3, 16, 16)
    return pictures.clamp(-0.9, 0.9)[:, :, None].expand(-1, -1, 3, -1, -1)


@pytest.mark.parametrize(("kinds", "least", "most"), [(4, 0.0, 0.03), (20, 0.1, 0.6)])
def test_as_many_components_as_channels_are_given_back(network, kinds, least, most):
    videos = still_videos(kinds)
    before = (network(videos) - videos).square().mean() / videos.var()
    start_with_components(network, videos)
    with torch.no_grad():
        after = (network(videos) - videos).square().mean() / videos.var()
    assert before > 0.9
    assert least <= after < most


def test_a_clip_starts_as_its_first_frame(network):
    videos = still_videos(4)
    start_with_components(network, videos)
    moving = videos.clone()
    moving[:, :, 1:] = -videos[:, :, 1:]
    with torch.no_grad():
        torch.testing.assert_close(network.encode(moving)[..., :16], network.encode(videos)[..., :16])
        latent = network.encode(videos)[..., :16]
    assert 0.2 < latent.atanh().std() < 0.6


def test_every_weight_learns(network):
    start_with_components(network, still_videos(4))
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    for _ in range(2):  # what begins at zero passes nothing on at first
        optimiser.zero_grad()
        network(torch.rand(2, 3, 3, 16, 16)).square().mean().backward()
        optimiser.step()
    assert [name for name, parameter in network.named_parameters() if not parameter.grad.any()] == []
