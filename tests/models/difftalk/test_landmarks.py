"""The landmark encoder; at the published size it is a parity case."""

import torch

from models.difftalk.landmarks import LandmarkEncoder


def test_normalised_is_the_published_network_on_minus_one_to_one():
    torch.manual_seed(0)
    published, ours = LandmarkEncoder(points=5, outputs=3), LandmarkEncoder(points=5, outputs=3, normalised=True)
    ours.load_state_dict(published.state_dict())
    points = torch.rand(2, 5, 2) * 2 - 1
    vectors = ours(128 * (points + 1))
    assert vectors.shape == (2, 3)
    torch.testing.assert_close(vectors, published(points), rtol=1e-4, atol=1e-5)
