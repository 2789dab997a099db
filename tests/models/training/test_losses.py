"""The losses of adversarial stages; the first stage of MoDiTalker pins them, too (tests/parity)."""

import pytest
import torch

from models.training.losses import adaptive_weight, feature_matching, hinge_loss


def test_hinge_loss_rests_beyond_the_margins():
    assert hinge_loss(torch.tensor([1.0, 5.0]), torch.tensor([-1.0, -3.0])) == 0
    assert hinge_loss(torch.tensor([0.0, 1.0]), torch.tensor([[0.0], [2.0]])) == pytest.approx((0.5 + 2.0) / 2)


def test_feature_matching_moves_the_generated_side_alone():
    real, generated = ([torch.full((2, 3), value, requires_grad=True)] for value in (1.0, 1.5))
    loss = feature_matching(real + real, generated + generated)
    loss.backward()
    assert loss == 1.0
    assert real[0].grad is None
    assert generated[0].grad is not None


def test_the_adaptive_weight_is_the_ratio_of_the_gradients():
    layer = torch.tensor([1.0, 2.0], requires_grad=True)
    loss, adversarial = 3 * layer.sum(), 2 * layer.sum()
    assert adaptive_weight(loss, adversarial, layer) == pytest.approx(1.5, rel=1e-3)
    assert adaptive_weight(loss, 0 * adversarial, layer) == 1e4
    assert not adaptive_weight(loss, adversarial, layer).requires_grad
    with torch.no_grad():
        assert adaptive_weight(loss, adversarial, layer) == 0
