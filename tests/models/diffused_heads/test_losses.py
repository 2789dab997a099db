"""The three losses against closed forms."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from models.diffused_heads.losses import lip_boxes, lip_error, log_likelihood, losses, variational_bound
from models.diffusion import Gaussian, cosine_schedule, estimate, posterior, reverse

SCHEDULE = cosine_schedule()
LEVELS = torch.arange(256, dtype=torch.float64) / 127.5 - 1


def batch(variance: bool = True) -> dict[str, Tensor]:
    """Three samples of 32 x 32, of which the first is at t = 0, and a network's answer that is nearly right."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(3, 3, 32, 32, generator=generator) * 2 - 1
    noise, error, place = torch.randn(3, 3, 3, 32, 32, generator=generator)
    answer = noise + 0.1 * error
    return {
        "output": torch.cat([answer, 0.3 * place], dim=1) if variance else answer,
        "target": target,
        "noise": noise,
        "t": torch.tensor([0, 300, 700]),
        "lip_points": lips([[10, 12, 20, 17], [4, 5, 9.5, 8.5], [15, 20, 29, 30]]),
    }


def lips(boxes: list[list[float]]) -> Tensor:
    """(n, 20, 2) points that fill boxes left, top, right, bottom."""
    low, high = torch.tensor(boxes, dtype=torch.float32).view(-1, 2, 2).unbind(1)
    return low[:, None] + torch.linspace(0, 1, 20)[:, None] * (high - low)[:, None]


def test_the_parts_add_up_with_their_weights():
    given = batch()
    found = losses(schedule=SCHEDULE, **given)
    assert found.total.item() == pytest.approx((found.simple + 1e-4 * found.variational + 0.2 * found.lips).item())
    other = losses(schedule=SCHEDULE, **given, weights=(2.0, 0.5))
    assert other.total.item() == pytest.approx((found.simple + 2 * found.variational + 0.5 * found.lips).item())
    assert found.variational.item() == pytest.approx(found.per_sample.mean().item())
    assert found.simple.item() == pytest.approx(0.01, rel=0.1)
    assert found.lips.item() == pytest.approx(0.01, rel=0.2)


def test_the_right_answer_costs_only_the_first_level():
    """Noise and variance told exactly: both steps are the same Gaussian, and only the likelihood at t = 0 is left."""
    given = batch()
    given["output"] = torch.cat([given["noise"], torch.full_like(given["noise"], -1)], dim=1)
    found = losses(schedule=SCHEDULE, **given)
    assert (found.simple, found.lips) == (0, 0)
    torch.testing.assert_close(found.per_sample[1:], torch.zeros(2), rtol=0, atol=1e-4)
    assert found.per_sample[0] > 0


def test_only_the_variance_learns_from_the_variational_part():
    given = batch()
    output = given.pop("output").requires_grad_()
    found = losses(output, SCHEDULE, **given)
    (gradient,) = torch.autograd.grad(found.variational, output, retain_graph=True)
    assert not gradient[:, :3].any()
    assert gradient[:, 3:].abs().amax(dim=(1, 2, 3)).min() > 0
    for part in (found.simple, found.lips):
        (gradient,) = torch.autograd.grad(part, output, retain_graph=True)
        assert gradient[:, :3].any()
        assert not gradient[:, 3:].any()


def test_without_learnt_variance_there_is_no_variational_part():
    given = batch(variance=False)
    found = losses(schedule=SCHEDULE, **given)
    assert not found.per_sample.any()
    assert found.total.item() == pytest.approx((found.simple + 0.2 * found.lips).item())


@pytest.mark.parametrize("variance", [False, True])
def test_the_residual_on_the_identity_frame_is_what_is_left_to_it(variance):
    given, base = batch(variance), torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(5)) * 2 - 1
    answer = given["target"] - base
    given["output"] = torch.cat([answer, torch.full_like(answer, -1)], dim=1) if variance else answer
    found = losses(schedule=SCHEDULE, **given, prediction="residual_start", base=base)
    assert (found.simple, found.lips) == (0, 0)
    torch.testing.assert_close(found.per_sample[1:], torch.zeros(2), rtol=0, atol=1e-4)
    assert losses(schedule=SCHEDULE, **given, prediction="start").simple > 0.1


def gaussian(mean: float, deviation: float) -> Gaussian:
    return Gaussian(torch.full((1, 3, 2, 2), mean), torch.full((1, 1, 1, 1), 2 * math.log(deviation)))


def test_divergence_of_gaussians_in_bits():
    later = torch.tensor([5])
    true, model = gaussian(0.3, 0.2), gaussian(-0.1, 0.5)
    wanted = kl_divergence(Normal(0.3, 0.2), Normal(-0.1, 0.5)) / math.log(2)
    target = torch.zeros(1, 3, 2, 2)
    assert variational_bound(true, model, target, later).item() == pytest.approx(wanted.item(), rel=1e-5)
    assert variational_bound(true, true, target, later).item() == pytest.approx(0, abs=1e-6)


def test_the_first_step_is_judged_by_the_likelihood():
    """Of two samples that are alike but for their step, in bits."""
    model = gaussian(0.1, 0.02)
    target = torch.full((1, 3, 2, 2), 0.12)
    found = variational_bound(gaussian(0, 1), model, target.repeat(2, 1, 1, 1), torch.tensor([0, 1]))
    assert found[0].item() == pytest.approx(-log_likelihood(target, model).mean().item() / math.log(2))
    assert found[1] > 100  # the divergence of a wide Gaussian from a narrow one


@pytest.mark.parametrize("mean", [-1.3, -1, -0.4, 0, 0.7, 1.2])
@pytest.mark.parametrize("deviation", [0.01, 0.1, 1])
def test_the_likelihood_of_all_levels_is_one(mean, deviation):
    model = Gaussian(torch.tensor(mean), torch.tensor(2 * math.log(deviation)))
    likelihood = log_likelihood(LEVELS, model).exp()
    assert likelihood.sum().item() == pytest.approx(1, abs=1e-5)
    edges = (LEVELS[:-1] + LEVELS[1:]) / 2
    exact = torch.cat([torch.zeros(1), Normal(mean, deviation).cdf(edges), torch.ones(1)]).diff()
    torch.testing.assert_close(likelihood, exact, rtol=0, atol=1e-3)


def test_an_impossible_level_has_a_finite_cost():
    model = Gaussian(torch.tensor(-1.0), torch.tensor(-12.0))
    assert log_likelihood(torch.tensor(0.5), model).item() == pytest.approx(math.log(1e-12), rel=1e-4)


def box(mask: Tensor) -> tuple[list[int], list[int]]:
    """First and last row, first and last column of the ones, which fill a rectangle."""
    rows, columns = mask.any(dim=1).nonzero().flatten(), mask.any(dim=0).nonzero().flatten()
    assert mask.sum() == len(rows) * len(columns)
    return [int(rows[0]), int(rows[-1])], [int(columns[0]), int(columns[-1])]


@pytest.mark.parametrize(
    ("points", "rows", "columns"),
    [
        ([10, 12, 20, 17], [7, 21], [5, 24]),  # from the first less 5 up to, but without, the last and 5
        ([10.9, 12.1, 20.1, 17.9], [7, 22], [5, 25]),  # floor and ceiling
        ([2, 3, 9, 8], [0, 12], [0, 13]),
        ([30, 18, 38, 22], [13, 23], [25, 39]),
        ([-20, 10, -3, 12], [5, 16], [0, 1]),  # outside but for the margin
    ],
)
def test_lip_boxes_have_a_margin_and_end_at_the_borders(points, rows, columns):
    (mask,) = lip_boxes(lips([points]), 24, 40)
    assert mask.shape == (24, 40)
    assert box(mask) == (rows, columns)


OUTSIDE = [[-40, 10, -5, 12], [50, 10, 60, 12], [10, -40, 12, -5], [10, 40, 12, 50]]


@pytest.mark.parametrize("points", OUTSIDE)
def test_lips_outside_do_not_count(points):
    assert not lip_boxes(lips([points]), 32, 32).any()
    error = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    inside = [10, 12, 20, 17]
    alone = lip_error(error[:1], lips([inside]))
    assert lip_error(error, lips([inside, points])).item() == pytest.approx(alone.item())


def test_a_batch_without_lips_has_a_loss_and_a_gradient():
    given = batch() | {"lip_points": lips(OUTSIDE[:3])}
    output = given.pop("output").requires_grad_()
    found = losses(output, SCHEDULE, **given)
    found.total.backward()
    assert found.lips == 0
    assert found.total.isfinite()
    assert output.grad.isfinite().all()


def test_the_lip_error_is_a_mean_within_each_box_then_over_the_samples():
    error = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = lip_error(error, lips([[10, 12, 20, 17], [-20, 10, -3, 12]]))
    wanted = (error[0, :, 7:22, 5:25].mean() + error[1, :, 5:17, 0:2].mean()) / 2
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_the_variational_part_compares_the_steps_at_each_samples_t():
    """The pieces, put together by hand for the sample at t = 300."""
    given = batch()
    found = losses(schedule=SCHEDULE, **given)
    one = {name: value[1:2] for name, value in given.items()}
    x = SCHEDULE.noisy(one["target"], one["noise"], one["t"])
    true = posterior(SCHEDULE, one["target"], x, one["t"])
    model = reverse(SCHEDULE, estimate(one["output"], x, SCHEDULE, one["t"]), x, one["t"])
    normals = (Normal(gauss.mean, (gauss.log_variance / 2).exp()) for gauss in (true, model))
    wanted = kl_divergence(*normals).mean() / math.log(2)
    assert found.per_sample[1].item() == pytest.approx(wanted.item(), rel=1e-3)
