"""Steps back as Gaussians: what the last picture is, where a learnt variance lies, and the distribution that comes out."""

import pytest
import torch

from models.diffusion import (
    Denoiser,
    ancestral,
    cosine_schedule,
    estimate,
    linear_schedule,
    posterior,
    reverse,
    rounded,
    scaled_linear_schedule,
    strided,
    training_target,
)
from models.diffusion.schedule import at

WHOLE = cosine_schedule()
SHAPE = (3, 3, 8, 8)


def normal(seed: int, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


PICTURE = normal(0).clamp(-0.9, 0.9)


def true_noise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """What must be taken from x to leave PICTURE."""
    signal, spread = (at(table.sqrt(), t, x) for table in (WHOLE.alphas_cumprod, 1 - WHOLE.alphas_cumprod))
    return (x - signal * PICTURE) / spread


def last(images):
    *_, image = images
    return image


def sampled(network, x, schedule, step_noise, *options, **more):
    """The running image after each step; `options` are the denoiser's."""
    return ancestral(Denoiser(network, *options, **more), x, schedule, step_noise=step_noise)


def step_back(schedule, output, x, position, *options, **more):
    """The Gaussian of a step back from a network's output."""
    return reverse(schedule, estimate(output, x, schedule, position, *options, **more), x, position)


def normals(seed: int, shape: tuple[int, ...] = SHAPE):
    """A source of noise for `ancestral`, which remembers the positions that were asked for."""
    generator, positions = torch.Generator().manual_seed(seed), []

    def noise_of(position: int) -> torch.Tensor:
        positions.append(position)
        return torch.randn(shape, generator=generator)

    noise_of.positions = positions
    return noise_of


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 50])
@pytest.mark.parametrize("variance", [False, True], ids=["fixed", "learnt"])
def test_who_knows_the_noise_ends_at_the_picture(count, variance):
    """With 6 steps and fewer the published float32 tables end in NaN."""

    def network(x, t):
        noise = true_noise(x, t)
        return torch.cat([noise, normal(2)], dim=1) if variance else noise

    images = list(sampled(network, normal(1), rounded(WHOLE, count), normals(3)))
    assert len(images) == count
    assert all(image.isfinite().all() for image in images)
    if count > 1:  # at the only step left, pure noise, a picture cannot be told in float32
        torch.testing.assert_close(images[-1], PICTURE, rtol=0, atol=5e-5)


@pytest.mark.parametrize("prediction", ["noise", "start", "velocity", "residual_start"])
def test_every_parameterisation_ends_there(prediction):
    base = normal(4)

    def network(x, t):
        return training_target(prediction, PICTURE, true_noise(x, t), WHOLE, t, base)

    images = sampled(network, normal(1), rounded(WHOLE, 20), normals(3), prediction, base)
    torch.testing.assert_close(last(images), PICTURE, rtol=0, atol=5e-5)


@pytest.mark.parametrize(("place", "share"), [(-1, 0), (0, 0.5), (1, 1), (2, 1.5)])
def test_a_learnt_variance_lies_between_its_bounds_and_is_not_held_there(place, share):
    schedule = rounded(WHOLE, 25)
    position = torch.tensor([0, 7, 24])
    output = torch.cat([normal(5), torch.full(SHAPE, float(place))], dim=1)
    found = step_back(schedule, output, normal(1), position).log_variance
    smallest, largest = schedule.posterior_log_variance[position], schedule.betas[position].log()
    wanted = (share * largest + (1 - share) * smallest).float()
    torch.testing.assert_close(found, wanted[:, None, None, None].expand(SHAPE), rtol=1e-5, atol=1e-5)


def test_a_network_without_variance_gets_the_largest():
    schedule = rounded(WHOLE, 25)
    position = torch.tensor([0, 7, 24])
    found = step_back(schedule, normal(5), normal(1), position)
    torch.testing.assert_close(found.log_variance.flatten(), schedule.betas[position].log().float())
    learnt = step_back(schedule, torch.cat([normal(5), torch.ones(SHAPE)], dim=1), normal(1), position)
    torch.testing.assert_close(learnt.mean, found.mean, rtol=0, atol=0)


def test_the_guess_is_held_within_the_limit():
    position = torch.full((3,), 500)
    guess, x = 5 * normal(5), normal(1)
    for limit in (1.0, 0.3, None):
        held = guess if limit is None else guess.clamp(-limit, limit)
        found = step_back(WHOLE, guess, x, position, "start", limit=limit)
        torch.testing.assert_close(found.mean, posterior(WHOLE, held, x, position).mean)


def test_the_mean_is_taken_at_each_samples_own_position():
    position = torch.tensor([0, 400, 999])
    start, x = PICTURE, normal(1)
    found = posterior(WHOLE, start, x, position)
    torch.testing.assert_close(found.mean[0], start[0])
    for row, step in enumerate(position.tolist()):
        alone = posterior(WHOLE, start[row : row + 1], x[row : row + 1], torch.tensor([step]))
        assert torch.equal(found.mean[row : row + 1], alone.mean)
        assert torch.equal(found.log_variance[row : row + 1], alone.log_variance)


def test_half_precision_answers_become_float32():
    """Before anything is computed from them: (1 + place) / 2 has no bfloat16 for most places."""
    output, position = normal(5, (3, 6, 8, 8)).bfloat16(), torch.tensor([0, 1, 2])
    found, wanted = (step_back(WHOLE, answer, normal(1), position) for answer in (output, output.float()))
    assert found.mean.dtype == found.log_variance.dtype == torch.float32
    assert torch.equal(found.mean, wanted.mean)
    assert torch.equal(found.log_variance, wanted.log_variance)


def test_the_network_hears_original_steps_and_the_last_step_is_not_noised():
    heard = []

    def network(x, t):
        heard.append(t.tolist())
        return x

    noise = normals(3)
    images = list(sampled(network, normal(1), rounded(WHOLE, 5), noise))
    assert heard == [[step] * 3 for step in (999, 749, 500, 250, 0)]
    assert noise.positions == [4, 3, 2, 1]
    assert len(images) == 5


def test_noise_is_scaled_by_the_deviation():
    """One step by hand, with noise and without."""
    schedule = rounded(WHOLE, 5)
    answer = torch.cat([normal(5), torch.full(SHAPE, 0.4)], dim=1)
    x, noise = normal(1), normal(6)
    steps = [next(sampled(lambda x, t: answer, x, schedule, lambda position, z=z: z)) for z in (0 * noise, noise)]
    smallest, largest = schedule.posterior_variance[4], schedule.betas[4]
    deviation = (largest**0.7 * smallest**0.3).sqrt().float()
    torch.testing.assert_close(steps[1] - steps[0], deviation * noise, rtol=1e-4, atol=1e-5)


def test_frames_of_a_batch_do_not_know_of_each_other():
    def network(x, t):
        return torch.cat([(x + PICTURE[: len(x)]).sin(), x.cos()], dim=1)

    schedule = rounded(WHOLE, 10)
    noises = [normal(seed) for seed in range(10)]
    whole = last(sampled(network, noises[0], schedule, noises.__getitem__))
    cut = [noise[:1] for noise in noises]
    assert torch.equal(last(sampled(network, cut[0], schedule, cut.__getitem__)), whole[:1])


MEAN, DEVIATION = 0.3, 0.1


def best_network(x, t, schedule):
    """The expected noise and the exact variance of a step, for pixels that are normal with MEAN and DEVIATION."""
    position = torch.searchsorted(schedule.steps, t)
    alpha_bar = at(schedule.alphas_cumprod, position, x)
    precision = alpha_bar / (1 - alpha_bar) + 1 / DEVIATION**2  # of x_0 given x_t
    start = (alpha_bar.sqrt() * x / (1 - alpha_bar) + MEAN / DEVIATION**2) / precision
    noise = (x - alpha_bar.sqrt() * start) / (1 - alpha_bar).sqrt()
    variance = at(schedule.posterior_variance, position, x) + at(schedule.posterior_start, position, x) ** 2 / precision
    smallest, largest = at(schedule.posterior_log_variance, position, x), at(schedule.betas.log(), position, x)
    place = 2 * (variance.log() - smallest) / (largest - smallest) - 1
    return torch.cat([noise, place.expand_as(x)], dim=1)


@pytest.mark.parametrize("count", [4, 20, 100])
def test_few_steps_with_the_exact_variance_give_the_exact_distribution(count):
    """Mean and deviation of 2^16 values, to four standard errors and the 0.2 % of the variance that the last step leaves out."""
    shape, schedule = (1, 1, 256, 256), rounded(WHOLE, count)
    network = lambda x, t: best_network(x, t, schedule)  # noqa: E731
    image = last(sampled(network, normal(1, shape), schedule, normals(2, shape), limit=None))
    assert image.mean().item() == pytest.approx(MEAN, abs=4 * DEVIATION / 256)
    assert image.std().item() == pytest.approx(DEVIATION, abs=4 * DEVIATION / 256 / 2**0.5 + 3e-4)


@pytest.mark.parametrize("place", [-1, 1, None])
@pytest.mark.parametrize("whole", [cosine_schedule(), linear_schedule()], ids=["cosine", "linear"])
def test_with_every_step_any_variance_between_the_bounds_will_do(whole, place):
    """Ho et al. 2020, section 3.2: either bound gives nearly the same pictures."""
    shape = (1, 1, 64, 64)

    def network(x, t):
        noise = best_network(x, t, whole)[:, :1]
        return noise if place is None else torch.cat([noise, torch.full_like(noise, place)], dim=1)

    image = last(sampled(network, normal(1, shape), whole, normals(2, shape), limit=None))
    assert image.mean().item() == pytest.approx(MEAN, abs=4 * DEVIATION / 64)
    assert image.std().item() == pytest.approx(DEVIATION, rel=0.08)


def test_a_schedule_that_leaves_out_the_first_index_ends_at_its_noise_level():
    """Who knows the picture: its share and the noise that is left, to four standard errors; every step is noised."""
    whole, shape = scaled_linear_schedule(), (1, 1, 256, 256)
    schedule, noise = strided(whole, 10, offset=1), normals(2, shape)

    def network(x, t):
        alpha_bar = at(whole.alphas_cumprod, t, x)
        smallest = torch.full_like(x, -1)  # the variance, where the picture is known
        return torch.cat([(x - alpha_bar.sqrt() * MEAN) / (1 - alpha_bar).sqrt(), smallest], dim=1)

    image = last(sampled(network, normal(1, shape), schedule, noise, limit=None))
    signal, spread = whole.alphas_cumprod[0].sqrt().item(), (1 - whole.alphas_cumprod[0]).sqrt().item()
    assert image.mean().item() == pytest.approx(signal * MEAN, abs=4 * spread / 256)
    assert image.std().item() == pytest.approx(spread, abs=4 * spread / 256 / 2**0.5)
    assert noise.positions == list(reversed(range(100)))
