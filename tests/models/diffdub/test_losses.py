import pytest
import torch

from models.diffdub.losses import renderer_loss, sequence_loss
from models.diffusion import PREDICTIONS, linear_schedule, training_target

SCHEDULE = linear_schedule()


def batch():
    generator = torch.Generator().manual_seed(0)
    target, reference = torch.rand(2, 4, 3, 16, 16, generator=generator) * 2 - 1
    noise = torch.randn(4, 3, 16, 16, generator=generator)
    keep = torch.ones(4, 1, 16, 16)
    keep[..., 8:, 4:12] = 0
    return target, reference, keep, torch.tensor([0, 300, 600, 999]), noise


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_right_answer_costs_nothing_and_shows_the_target(prediction):
    target, reference, keep, t, noise = batch()
    answer = training_target(prediction, target, noise, SCHEDULE, t, reference)
    found = renderer_loss(lambda x, t: answer, SCHEDULE, target, reference, keep, t, noise, prediction)
    assert found.loss.shape == (4,)
    assert (found.loss == 0).all()
    inside = (keep == 0).expand_as(target)
    torch.testing.assert_close(found.predicted_target[inside], target[inside], rtol=0, atol=1e-3)


def test_a_silent_network_costs_the_windows_share():
    """Unit noise inside the window, divided by the whole picture: the loss that published training starts from."""
    keep = torch.ones(4, 1, 128, 128)
    keep[..., 64:, 32:96] = 0
    pictures = torch.zeros(4, 3, 128, 128)
    noise = torch.randn(4, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([0, 10, 500, 999])
    found = renderer_loss(lambda x, t: x[:, :3] * 0, SCHEDULE, pictures, pictures, keep, t, noise)
    torch.testing.assert_close(found.loss, torch.full((4,), 0.25), rtol=0.05, atol=0)


def test_the_network_sees_clean_pixels_outside_the_window_and_the_reference():
    target, reference, keep, t, noise = batch()
    seen = []

    def network(x, t):
        seen.append(x)
        return x[:, :3]

    found = renderer_loss(network, SCHEDULE, target, reference, keep, t, noise)
    kept = (keep == 1).expand_as(target)
    torch.testing.assert_close(seen[0][:, :3], found.noisy, rtol=0, atol=0)
    torch.testing.assert_close(seen[0][:, 3:], reference, rtol=0, atol=0)
    torch.testing.assert_close(found.noisy[kept], target[kept], rtol=0, atol=0)
    torch.testing.assert_close(found.noisy[~kept], SCHEDULE.noisy(target, noise, t)[~kept], rtol=0, atol=0)


def test_errors_outside_the_window_do_not_count():
    target, reference, keep, t, noise = batch()
    found = renderer_loss(lambda x, t: noise + 100 * keep, SCHEDULE, target, reference, keep, t, noise)
    assert (found.loss == 0).all()


def test_padded_frames_of_a_sequence_count_in_the_denominator():
    target = torch.ones(2, 10, 4)
    mask = torch.ones(2, 10)
    mask[1, 5:] = 0
    assert sequence_loss(torch.zeros(2, 10, 4), target, mask).item() == pytest.approx(0.75)
    assert sequence_loss(target + 100 * (1 - mask[..., None]), target, mask).item() == 0
