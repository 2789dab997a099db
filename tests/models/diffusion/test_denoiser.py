import pytest
import torch

from models.diffusion import (
    PREDICTIONS,
    Denoiser,
    cosine_schedule,
    guided,
    linear_schedule,
    start_image,
    training_target,
)


@pytest.mark.parametrize("schedule", [linear_schedule(), cosine_schedule()], ids=["linear", "cosine"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_right_answer_leads_back_to_the_start_image(prediction, schedule):
    generator = torch.Generator().manual_seed(0)
    start, noise, base = torch.randn(3, 4, 3, 8, 8, generator=generator)
    position = torch.tensor([0, 300, 600, 900])
    answer = training_target(prediction, start, noise, schedule, position, base)
    x = schedule.noisy(start, noise, position)
    torch.testing.assert_close(start_image(prediction, answer, x, schedule, position, base), start, rtol=0, atol=1e-4)


def test_velocity_is_the_turn_of_the_noisy_image():
    """With x = cos(a) start + sin(a) noise, velocity is dx/da."""
    schedule = linear_schedule()
    start, noise = torch.randn(2, 5, 1, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    position = torch.full((5,), 400)
    angle = torch.arccos(schedule.alphas_cumprod[400].sqrt())
    step = 1e-5
    before, after = (torch.cos(a) * start + torch.sin(a) * noise for a in (angle - step, angle + step))
    wanted = (after - before) / (2 * step)
    torch.testing.assert_close(training_target("velocity", start, noise, schedule, position), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("function", [training_target, start_image])
def test_an_unknown_prediction_is_refused(function):
    with pytest.raises(ValueError, match="residual_start"):
        function("score", torch.zeros(1), torch.zeros(1), linear_schedule(), torch.tensor([0]))


def test_denoiser_hands_over_original_steps_and_clips():
    seen = []

    def network(x, t):
        seen.append(t)
        return 3 * torch.ones_like(x)

    from models.diffusion import spaced

    x = torch.zeros(2, 3, 4, 4)
    schedule = spaced(linear_schedule(), 20)
    assert Denoiser(network, "start")(x, schedule, 19).start.max() == 1
    assert Denoiser(network, "start", limit=None)(x, schedule, 19).start.max() == 3
    assert seen[0].tolist() == [950, 950]


def test_half_precision_answers_become_float32():
    values = Denoiser(lambda x, t: x.bfloat16(), "noise")(torch.rand(1, 3, 4, 4), linear_schedule(), 500)
    assert {value.dtype for value in values} == {torch.float32}


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_start_and_noise_explain_the_running_image(prediction):
    schedule, position = linear_schedule(), 400
    start, noise, base = torch.rand(3, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) - 0.5
    positions = torch.full((2,), position)
    x = schedule.noisy(start, noise, positions)
    answer = training_target(prediction, start, noise, schedule, positions, base)
    found = Denoiser(lambda x, t: answer, prediction, base)(x, schedule, position)
    torch.testing.assert_close(found.start, start, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.noise, noise, rtol=0, atol=1e-5)


def test_a_clipped_image_changes_the_noise_only_where_it_is_recomputed():
    schedule = linear_schedule()
    x, answer = torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), -4.0)
    for recompute, wanted in ((False, -4.0), (True, -(1 / schedule.sqrt_recipm1_alphas_cumprod[500]).item())):
        found = Denoiser(lambda x, t: answer, recompute_noise=recompute)(x, schedule, 500)
        assert found.start.unique().item() == 1
        torch.testing.assert_close(found.noise, torch.full_like(answer, wanted))


def test_guidance_goes_from_the_unconditional_answer_through_the_conditional_one():
    x, t = torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64)
    for weight, wanted in ((0, 1.0), (1, 3.0), (2, 5.0)):
        network = guided(lambda x, t: x + 3, lambda x, t: x + 1, weight)
        assert network(x, t).unique().tolist() == [wanted]
