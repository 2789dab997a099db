"""Samplers on data whose best denoiser is known: independent pixels, normal with mean M and deviation S."""

import pytest
import torch

from models.diffusion import (
    PREDICTIONS,
    SAMPLERS,
    Denoiser,
    Known,
    cosine_schedule,
    ddim,
    linear_schedule,
    sample,
    spaced,
    strided,
    trailing,
    training_target,
)

MEAN, DEVIATION = 0.3, 0.1
WHOLE = linear_schedule()
NOISE = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


DETERMINISTIC = ("ddim", "dpmsolver++", "unipc")


def step_noise(position):
    return torch.randn(NOISE.shape, generator=torch.Generator().manual_seed(position))


def best_denoiser(prediction="start", whole=WHOLE):
    """E[start | x], said in the network's own parameterisation."""
    base = torch.full((4, 3, 32, 32), 0.2)

    def network(x, t):
        alpha_bar = whole.alphas_cumprod[t].float()[:, None, None, None]
        gain = DEVIATION**2 * alpha_bar.sqrt() / (alpha_bar * DEVIATION**2 + 1 - alpha_bar)
        start = MEAN + gain * (x - alpha_bar.sqrt() * MEAN)
        noise = (x - alpha_bar.sqrt() * start) / (1 - alpha_bar).sqrt()
        return training_target(prediction, start, noise, whole, t, base)

    return Denoiser(network, prediction, base)


def test_ddim_reaches_the_data_distribution():
    images = sample("ddim", best_denoiser(), NOISE, spaced(WHOLE, 500))
    assert images.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert images.std().item() == pytest.approx(DEVIATION, rel=0.05)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_every_parameterisation_gives_the_same_images(prediction):
    schedule = spaced(WHOLE, 20)
    images = sample("ddim", best_denoiser(prediction), NOISE, schedule)
    torch.testing.assert_close(images, sample("ddim", best_denoiser("start"), NOISE, schedule), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["dpmsolver++", "unipc"])
def test_few_step_solvers_are_nearer_to_the_limit_than_ddim(name):
    limit = sample("ddim", best_denoiser(), NOISE, WHOLE)
    schedule = spaced(WHOLE, 20)

    def distance(sampler):
        return (sample(sampler, best_denoiser(), NOISE, schedule) - limit).abs().mean().item()

    assert distance(name) < 0.5 * distance("ddim")
    assert distance(name) < 0.1 * DEVIATION


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize(
    "schedule",
    [spaced(WHOLE, 4), trailing(cosine_schedule(), 4), trailing(WHOLE, 1)],
    ids=["published", "cosine", "one"],
)
def test_each_step_is_yielded_and_finite(name, schedule):
    images = list(SAMPLERS[name](best_denoiser(), NOISE, schedule, step_noise=step_noise))
    assert len(images) == len(schedule)
    assert all(image.isfinite().all() and image.shape == NOISE.shape for image in images)


@pytest.mark.parametrize("name", SAMPLERS)
def test_clean_pixels_are_mixed_in_before_every_call(name):
    seen = []

    def network(x, t):
        seen.append(x.clone())
        return torch.zeros_like(x)

    picture = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    keep = torch.zeros(4, 1, 32, 32)
    keep[..., :16] = 1
    sample(name, Denoiser(network, "start"), NOISE, spaced(WHOLE, 5), known=Known(picture, keep), step_noise=step_noise)
    assert len(seen) == 5
    for x in seen:
        torch.testing.assert_close(x[..., :16], picture[..., :16], rtol=0, atol=0)
        assert (x[..., 16:] != picture[..., 16:]).any()


@pytest.mark.parametrize("name", SAMPLERS)
def test_frames_of_a_batch_do_not_know_of_each_other(name):
    schedule = spaced(WHOLE, 5)
    together = sample(name, best_denoiser(), NOISE, schedule, step_noise=step_noise)
    alone = sample(name, best_denoiser(), NOISE[2:3], schedule, step_noise=lambda position: step_noise(position)[2:3])
    torch.testing.assert_close(together[2:3], alone, rtol=0, atol=1e-6)


def test_ddim_derives_the_noise_again_from_the_clipped_image():
    """One step by hand: a guess beyond 1 is clipped, and the noise that remains explains x with the clipped guess."""
    schedule = spaced(WHOLE, 2)
    x = torch.full((1, 1, 1, 1), 0.5)
    first = next(ddim(Denoiser(lambda x, t: torch.full_like(x, 4.0), "start"), x, schedule))
    alpha_bar, before = (schedule.alphas_cumprod[index].item() for index in (1, 0))
    noise = (0.5 - alpha_bar**0.5) / (1 - alpha_bar) ** 0.5
    assert first.item() == pytest.approx(before**0.5 + (1 - before) ** 0.5 * noise, abs=1e-6)


def test_a_kept_set_of_steps_agrees_with_the_librarys_ddim():
    """diffusers' own DDIM over the spaced betas is the same update (DiffDub specification, section 7)."""
    from diffusers import DDIMScheduler

    schedule = spaced(WHOLE, 30)
    denoiser = best_denoiser("noise")
    theirs = DDIMScheduler(
        num_train_timesteps=30,
        trained_betas=schedule.betas.tolist(),
        set_alpha_to_one=True,
        clip_sample=True,
        timestep_spacing="leading",
    )
    theirs.set_timesteps(30)
    x = NOISE
    for position in theirs.timesteps.tolist():
        noise = denoiser.network(x, torch.full((4,), int(schedule.steps[position])))
        x = theirs.step(noise, position, x, eta=0, use_clipped_model_output=True).prev_sample
    torch.testing.assert_close(sample("ddim", denoiser, NOISE, schedule), x, rtol=0, atol=1e-5)


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_stochastic_ddim_reaches_the_data_distribution(eta):
    images = sample("ddim", best_denoiser(), NOISE, spaced(WHOLE, 500), eta=eta, step_noise=step_noise)
    assert images.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert images.std().item() == pytest.approx(DEVIATION, rel=0.08)
    other = sample("ddim", best_denoiser(), NOISE, spaced(WHOLE, 500))
    assert (images - other).abs().mean() > 0.1 * DEVIATION, "the noise of the steps counts"


def test_ddim_with_eta_1_has_ddpms_variance():
    """Song et al. 2021, after equation 16: the posterior's."""
    schedule = spaced(WHOLE, 20)
    torch.testing.assert_close(schedule.sigma(1.0) ** 2, schedule.posterior_variance)
    assert schedule.sigma(0.0).abs().max() == 0


def test_a_schedule_without_the_first_index_ends_at_its_noise_level():
    """Who knows the image and the noise stays on their line: DDIM ends at alpha-bar[0], as latent diffusion's does."""
    schedule = strided(WHOLE, 50, offset=1)
    image = torch.full_like(NOISE, 0.4)
    positions = torch.full((4,), len(schedule) - 1)
    x = schedule.noisy(image, NOISE, positions)
    *_, last = ddim(Denoiser(lambda x, t: NOISE, limit=None), x, schedule)
    wanted = WHOLE.noisy(image, NOISE, torch.zeros(4, dtype=torch.int64))
    torch.testing.assert_close(last, wanted, rtol=0, atol=1e-4)
    assert schedule.steps.tolist() == list(range(1, 1000, 50))


def test_sampling_goes_on_from_an_image_noised_half_way():
    schedule = spaced(WHOLE, 20)
    states = list(ddim(best_denoiser(), NOISE, schedule))
    *_, last = ddim(best_denoiser(), states[14], schedule.head(5))
    torch.testing.assert_close(last, states[-1], rtol=0, atol=0)


def test_a_noised_known_region_is_as_noisy_as_the_image_around_it():
    seen = {}

    def network(x, t):
        seen[int(t[0])] = x.clone()
        return torch.zeros_like(x)

    picture, keep = torch.full_like(NOISE, 0.5), torch.zeros(4, 1, 32, 32)
    keep[..., :16] = 1
    schedule = spaced(WHOLE, 5)
    sample("ddim", Denoiser(network, "start"), NOISE, schedule, known=Known(picture, keep, step_noise))
    for position, step in enumerate(schedule.steps.tolist()):
        wanted = schedule.noisy(picture, step_noise(position), torch.full((4,), position))
        torch.testing.assert_close(seen[step][..., :16], wanted[..., :16], rtol=0, atol=0)


@pytest.mark.parametrize("name", DETERMINISTIC[1:])
def test_a_deterministic_solver_refuses_an_eta(name):
    with pytest.raises(ValueError, match="no eta"):
        sample(name, best_denoiser(), NOISE, spaced(WHOLE, 5), eta=1.0, step_noise=step_noise)


@pytest.mark.parametrize(("name", "eta"), [("ddim", 1.0), ("ancestral", 0.0)])
def test_a_sampler_that_needs_noise_says_so(name, eta):
    with pytest.raises(ValueError, match=r"needs? step noise"):
        sample(name, best_denoiser(), NOISE, spaced(WHOLE, 5), eta=eta)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_a_deterministic_sampler_takes_no_noise(name):
    def refused(position):
        raise AssertionError("asked for noise")

    sample(name, best_denoiser(), NOISE, spaced(WHOLE, 5), step_noise=refused)
