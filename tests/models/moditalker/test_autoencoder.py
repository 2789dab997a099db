"""MToV's auto-encoder: the planes of its latent, and what each depends on. Its numbers are the parity cases'."""

import pytest
import torch

from models.moditalker.autoencoder import VideoAutoencoder
from models.moditalker.presets import PRESETS
from models.moditalker.timesformer import rotated, space_rotation, time_frequencies, time_rotation

TINY = {"channels": 16, "depth": 1, "heads": 2, "head_width": 8, "plane_depth": 2, "plane_hidden": 16}


@pytest.fixture
def tiny() -> VideoAutoencoder:
    torch.manual_seed(0)
    return VideoAutoencoder(size=16, frames=3, patch=4, latent_channels=5, **TINY).eval()


def test_published_sizes():
    with torch.device("meta"):
        network = VideoAutoencoder()
        assert sum(parameter.numel() for parameter in network.parameters()) == 62_064_399
        latent = network.encode(torch.empty(1, 3, 16, 256, 256))
        assert latent.shape == (1, 4, 2048)
        assert network.decode(latent).shape == (1, 3, 16, 256, 256)


@pytest.mark.parametrize("preset", PRESETS["rgb_autoencoder"])
def test_the_three_stages_have_one_shape(preset):
    with torch.device("meta"):
        first, *others = [PRESETS[stage][preset].build().state_dict() for stage in PRESETS if "autoencoder" in stage]
    assert len(others) == 2
    for other in others:
        assert {name: value.shape for name, value in other.items()} == {n: v.shape for n, v in first.items()}


def test_a_video_is_given_back_at_its_size(tiny):
    with torch.no_grad():
        video = torch.rand(2, 3, 3, 16, 16) * 2 - 1
        latent = tiny.encode(video)
        made = tiny.decode(latent)
        assert latent.shape == (2, 5, 16 + 12 + 12)
        assert latent.abs().max() < 1
        assert made.shape == video.shape
        assert made.abs().max() < 1
        assert torch.equal(tiny(video), made)
        torch.testing.assert_close(tiny.encode(video[1:]), latent[1:])
        assert tiny.encode(video[..., :8, :8]).shape == (2, 5, 4 + 6 + 6)
        assert tiny.decode(tiny.encode(video[..., :8, :8])).shape == (2, 3, 3, 8, 8)


def test_each_plane_is_the_same_along_the_axis_that_it_lacks(tiny):
    with torch.no_grad():
        latent = torch.zeros(1, 5, 40)
        nothing = tiny.features(latent)
        for first, last, lacks, others in ((0, 16, 2, (3, 4)), (16, 28, 3, (2, 4)), (28, 40, 4, (2, 3))):
            changed = latent.clone()
            changed[..., first:last] = torch.randn(1, 5, last - first)
            added = tiny.features(changed) - nothing
            assert added.std(dim=lacks).max() < 1e-6
            assert all(added.std(dim=other).max() > 1e-2 for other in others)


def test_planes_are_of_rows_and_columns(tiny):
    """One value of the latent moves one place of its plane: position 6 of xy is row 1, column 2; of the others in time."""
    with torch.no_grad():
        latent = torch.zeros(1, 5, 40)
        for position, expected in ((6, (..., 1, 2)), (16 + 6, (1, slice(None), 2)), (28 + 6, (1, 2, slice(None)))):
            changed = latent.clone()
            changed[..., position] = 1
            moved = (tiny.features(changed) - tiny.features(latent)).abs().sum(dim=(0, 1)) > 1e-6
            where = torch.zeros_like(moved)
            where[expected] = True
            assert torch.equal(moved, where)


def test_the_first_position_alone_is_what_a_whole_layer_gives(tiny):
    x = torch.randn(4, 6, 16)
    (first, fed), (second, last) = tiny.xy_quant_attn.layers
    with torch.no_grad():
        whole = last(second(fed(first(x))))[:, 0]
        torch.testing.assert_close(tiny.xy_quant_attn(x), whole)


def test_rotations():
    cosines, sines = time_rotation(5, 8)
    torch.testing.assert_close(cosines[3], (3 * torch.cat([time_frequencies(8)] * 2)).cos())
    cosines, sines = space_rotation(3, 4, 16)
    assert cosines.shape == (12, 16)
    torch.testing.assert_close(cosines[:, 0::2], cosines[:, 1::2])
    rows, columns = cosines.view(3, 4, 2, 8).unbind(2)
    assert torch.equal(rows[:, :1].expand_as(rows), rows)
    assert torch.equal(columns[:1].expand_as(columns), columns)
    x = torch.randn(2, 12, 16)
    turned = rotated(x, (cosines, sines))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1), msg="the angles of a pair are equal in space")
    torch.testing.assert_close(turned[..., 0], x[..., 0] * cosines[:, 0] - x[..., 1] * sines[:, 0])
    torch.testing.assert_close(turned[..., 1], x[..., 1] * cosines[:, 1] + x[..., 0] * sines[:, 1])
