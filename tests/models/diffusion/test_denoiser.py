import pytest
import torch

from models.diffusion import PREDICTIONS, Denoiser, cosine_schedule, linear_schedule, start_image, training_target


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
    assert Denoiser(network, "start")(x, schedule, 19).max() == 1
    assert Denoiser(network, "start", limit=None)(x, schedule, 19).max() == 3
    assert seen[0].tolist() == [950, 950]


def test_half_precision_answers_become_float32():
    start = Denoiser(lambda x, t: x.bfloat16(), "noise")(torch.rand(1, 3, 4, 4), linear_schedule(), 500)
    assert start.dtype == torch.float32
