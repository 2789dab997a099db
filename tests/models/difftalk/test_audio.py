"""The speech encoders at other sizes; at the published ones they are parity cases."""

import pytest
import torch

from models.difftalk.audio import NeighbourAttention, WindowEncoder


@pytest.mark.parametrize(("width", "rows"), [(29, 16), (80, 16), (80, 8), (5, 2)])
def test_any_width_and_the_rows_in_the_middle(width, rows):
    torch.manual_seed(0)
    encoder = WindowEncoder(width=width, rows=rows, outputs=7)
    windows = torch.randn(3, 16, width, requires_grad=True)
    vectors = encoder(windows)
    assert vectors.shape == (3, 7)
    vectors.sum().backward()
    reached = windows.grad.any(dim=2).all(dim=0)
    assert reached.tolist() == [8 - rows // 2 <= row < 8 + rows // 2 for row in range(16)]


@pytest.mark.parametrize("rows", [0, 1, 18])
def test_impossible_rows_are_refused(rows):
    with pytest.raises(ValueError, match="2 to 16 rows"):
        WindowEncoder(rows=rows)


@pytest.mark.parametrize("neighbours", [8, 3])
def test_the_vector_is_a_mean_whose_weights_see_the_first_channels_alone(neighbours):
    torch.manual_seed(0)
    attention = NeighbourAttention(neighbours=neighbours, channels=4)
    vectors = torch.randn(2, neighbours, 10)
    same = vectors[:, :1].expand(-1, neighbours, -1)
    torch.testing.assert_close(attention(same), same[:, 0])
    # The last channels do not reach the weights: their mean moves with them.
    moved = torch.cat([vectors[:, :, :4], vectors[:, :, 4:] + 5], dim=2)
    shift = torch.tensor([0.0] * 4 + [5.0] * 6).expand(2, 10)
    torch.testing.assert_close(attention(moved), attention(vectors) + shift)
    assert not torch.allclose(attention(vectors), vectors.mean(dim=1), atol=1e-3)
