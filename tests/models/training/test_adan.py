"""Adan against its formulas, by hand and on a bowl, and within a training that is interrupted."""

import pytest
import torch

from models.training.adan import Adan

RATE, DECAY = 0.1, 0.5


def stepped(gradients: list[float], start: float = 1.0, **options: float) -> list[float]:
    """A weight after each step along these gradients."""
    weight = torch.nn.Parameter(torch.tensor([start], dtype=torch.float64))
    optimizer, after = Adan([weight], lr=RATE, **options), []
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        after.append(weight.item())
    return after


def test_the_first_step_decays_and_no_more():
    assert stepped([3.0], weight_decay=DECAY) == pytest.approx([1 / (1 + RATE * DECAY)])
    assert stepped([3.0]) == [1.0]


def test_the_second_step_by_hand():
    """Gradients 1 and 3: a difference of 2, and a square of what Nesterov looks ahead to."""
    mean, difference, square = 0.02 * 3, 0.08 * 2, 0.01 * (3 + 0.92 * 2) ** 2
    corrected = mean / (1 - 0.98**2) + 0.92 * difference / (1 - 0.92**2)
    first = 1 / (1 + RATE * DECAY)
    expected = (first - RATE * corrected / (square / (1 - 0.99**2)) ** 0.5) / (1 + RATE * DECAY)
    assert stepped([1.0, 3.0], weight_decay=DECAY)[1] == pytest.approx(expected, rel=1e-6)


def test_steady_gradients_move_by_the_learning_rate():
    """Without a difference all averages tend to the gradient, whatever its size."""
    for gradient in (1e-3, 50.0):
        after = stepped([gradient] * 400)
        assert after[-2] - after[-1] == pytest.approx(RATE, rel=0.03)


def test_it_finds_the_bottom_of_a_bowl():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(8))
    target, scale = torch.randn(8), torch.logspace(-1, 1, 8)
    optimizer = Adan([weight], lr=0.02)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = (scale * (weight - target) ** 2).sum()
        value.backward()
        return value

    first = optimizer.step(loss)
    for _ in range(600):
        last = optimizer.step(loss)
    assert last < 1e-3 * first


def test_a_state_that_is_loaded_goes_on_as_before():
    gradients = [1.0, -2.0, 0.5, 3.0]
    weight = torch.nn.Parameter(torch.ones(1))
    one = Adan([weight], lr=RATE)
    for gradient in gradients[:2]:
        weight.grad = torch.tensor([gradient])
        one.step()
    other = Adan([weight], lr=RATE)
    other.load_state_dict(one.state_dict())
    for gradient in gradients[2:]:
        weight.grad = torch.tensor([gradient])
        other.step()
    assert weight.item() == pytest.approx(stepped(gradients)[-1], rel=1e-6)
