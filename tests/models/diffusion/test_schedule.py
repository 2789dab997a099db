import math

import numpy as np
import pytest
import torch

from models.diffusion import (
    cosine_schedule,
    linear_schedule,
    rounded,
    scaled_linear_schedule,
    spaced,
    stride_counts,
    strided,
    trailing,
)
from models.diffusion.schedule import at
from toolkit.errors import InputError

PUBLISHED_COUNTS = [
    *range(2, 37),
    *[38, 39, 40, 42, 44, 46, 48, 50, 53, 56, 59, 63, 67, 72, 77, 84, 91, 100, 112, 125, 143, 167, 200, 250, 334, 500],
    1000,
]


def test_linear_tables_follow_their_formulas():
    schedule = linear_schedule()
    alpha_bar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    assert schedule.alphas_cumprod.dtype == torch.float64
    np.testing.assert_allclose(schedule.alphas_cumprod, alpha_bar, rtol=1e-13)
    np.testing.assert_allclose(schedule.sqrt_recipm1_alphas_cumprod, np.sqrt((1 - alpha_bar) / alpha_bar), rtol=1e-10)
    assert schedule.alphas_cumprod_prev[0] == 1


def test_cosine_alpha_bar_follows_its_formula_until_betas_are_held():
    schedule = cosine_schedule()
    times = np.arange(1, 1001) / 1000
    wanted = np.cos((times + 0.008) / 1.008 * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(schedule.alphas_cumprod[:998], wanted[:998], rtol=1e-10)
    assert schedule.betas.max() == 0.999


def test_the_published_stride_rule_reaches_62_counts():
    assert sorted(stride_counts()) == PUBLISHED_COUNTS
    assert len(PUBLISHED_COUNTS) == 62
    for count, stride in stride_counts().items():
        assert math.ceil(1000 / stride) == count
        assert stride == 1 or math.ceil(1000 / (stride - 1)) != count


@pytest.mark.parametrize(("count", "stride"), [(20, 50), (30, 34), (3, 334), (1000, 1)])
def test_spaced_keeps_every_stride_th_step(count, stride):
    whole = linear_schedule()
    kept = spaced(whole, count)
    assert kept.steps.tolist() == list(range(0, 1000, stride))
    torch.testing.assert_close(kept.alphas_cumprod, whole.alphas_cumprod[kept.steps], rtol=1e-13, atol=0)


def test_a_count_that_no_stride_gives_is_refused_with_those_that_exist():
    with pytest.raises(InputError, match="37 sampling steps") as error:
        spaced(linear_schedule(), 37)
    assert all(str(count) in error.value.remedy for count in PUBLISHED_COUNTS)


@pytest.mark.parametrize("count", [1, 4, 7, 37, 1000])
def test_trailing_ends_at_the_last_step_whatever_the_count(count):
    steps = trailing(cosine_schedule(), count).steps
    assert len(steps) == count
    assert steps[-1] == 999
    assert (steps.diff() > 0).all()
    assert steps.diff().float().std() < 1 if count > 2 else True


@pytest.mark.parametrize("count", [2, 3, 6, 7, 19, 100, 200, 777, 1000])
def test_rounded_runs_evenly_from_the_first_to_the_last_step(count):
    whole = cosine_schedule()
    kept = rounded(whole, count)
    assert len(kept) == count
    assert (kept.steps[0], kept.steps[-1]) == (0, 999)
    np.testing.assert_allclose(kept.steps, np.linspace(0, 999, count), rtol=0, atol=0.5 + 1e-9)
    torch.testing.assert_close(kept.alphas_cumprod, whole.alphas_cumprod[kept.steps], rtol=1e-7, atol=0)


def test_rounded_goes_half_to_even():
    """A stride of 55.5, whose every other step lies half way."""
    assert rounded(cosine_schedule(), 19).steps.tolist()[:8] == [0, 56, 111, 166, 222, 278, 333, 388]


def test_all_steps_keep_the_betas():
    whole = cosine_schedule()
    torch.testing.assert_close(rounded(whole, 1000).betas, whole.betas, rtol=1e-9, atol=0)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_few_steps_have_finite_tables(count):
    """In float32, as published, the last beta is 1 and nothing is left of the image: NaN follows."""
    schedule = rounded(cosine_schedule(), count)
    assert schedule.betas.float()[-1] == 1
    assert (schedule.betas < 1).all()
    tables = ("sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_log_variance")
    for name in (*tables, "posterior_start", "posterior_current", "posterior_variance"):
        table = getattr(schedule, name)
        assert table.shape == (count,)
        assert table.float().isfinite().all(), name
    assert schedule.steps[-1] == 999


@pytest.mark.parametrize("function", [rounded, trailing])
@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_count_out_of_range_is_refused(function, count):
    with pytest.raises(InputError, match=f"{count} sampling steps") as error:
        function(cosine_schedule(), count)
    assert "1 to 1000" in error.value.remedy


OFFSET = strided(scaled_linear_schedule(), 40, offset=1)


@pytest.mark.parametrize(
    ("schedule", "position"),
    [
        *(
            (schedule, position)
            for schedule in (rounded(cosine_schedule(), 25), linear_schedule())
            for position in (1, 9, 24)
        ),
        *((OFFSET, position) for position in (0, 1, 24)),
    ],
)
def test_posterior_is_the_product_of_two_gaussians(schedule, position):
    """q(x_{t-1} | x_t, x_0) is q(x_t | x_{t-1}) times q(x_{t-1} | x_0), measured on a fine grid of x_{t-1}."""
    start, x = 0.7, -0.4
    beta, before = schedule.betas[position].item(), schedule.alphas_cumprod_prev[position].item()
    grid = np.linspace(-9, 9, 1_000_001)
    exponent = -((x - (1 - beta) ** 0.5 * grid) ** 2) / beta - (grid - before**0.5 * start) ** 2 / (1 - before)
    weight = np.exp((exponent - exponent.max()) / 2)
    weight /= weight.sum()
    mean = (weight * grid).sum()
    variance = (weight * (grid - mean) ** 2).sum()
    factors = schedule.posterior_start[position].item(), schedule.posterior_current[position].item()
    assert factors[0] * start + factors[1] * x == pytest.approx(mean, abs=1e-9)
    assert schedule.posterior_variance[position].item() == pytest.approx(variance, rel=1e-6)
    assert schedule.posterior_log_variance[position].item() == pytest.approx(np.log(variance), abs=1e-6)


def test_the_first_step_back_ends_at_the_image():
    schedule = cosine_schedule()
    assert (schedule.posterior_start[0], schedule.posterior_current[0]) == (pytest.approx(1), 0)
    assert schedule.posterior_variance[0] == 0
    assert (
        schedule.posterior_log_variance[0] == schedule.posterior_log_variance[1] == schedule.posterior_variance[1].log()
    )


@pytest.mark.parametrize("kept", [OFFSET, trailing(OFFSET, 5), OFFSET.head(5)], ids=["strided", "again", "head"])
def test_a_schedule_that_ends_before_the_clean_image_stays_on_the_whole_ones_line(kept):
    """Steps of steps too: the same alpha-bar at every index, and alpha-bar[0] at the end."""
    whole = scaled_linear_schedule()
    torch.testing.assert_close(kept.alphas_cumprod, whole.alphas_cumprod[kept.steps], rtol=1e-12, atol=0)
    assert kept.alphas_cumprod_prev[0] == kept.last_alpha_bar == whole.alphas_cumprod[0]


def test_noisy_mixes_each_sample_at_its_own_step():
    schedule = linear_schedule()
    start, noise = torch.full((3, 1, 2, 2), 2.0), torch.full((3, 1, 2, 2), -1.0)
    mixed = schedule.noisy(start, noise, torch.tensor([0, 500, 999]))
    for row, step in enumerate([0, 500, 999]):
        alpha_bar = schedule.alphas_cumprod[step].item()
        assert mixed[row].unique().item() == pytest.approx(2 * alpha_bar**0.5 - (1 - alpha_bar) ** 0.5, abs=1e-6)


def test_table_entries_are_float32_and_broadcast():
    values = at(linear_schedule().betas, torch.tensor([0, 999]), torch.zeros(2, 3, 4, 5))
    assert values.dtype == torch.float32
    assert values.shape == (2, 1, 1, 1)
