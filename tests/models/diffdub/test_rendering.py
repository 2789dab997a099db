import numpy as np
import pytest
import torch

from models.diffdub import window
from models.diffdub.presets import PRESETS
from models.diffdub.rendering import lip_latents, lip_pictures, render, to_pixels
from models.diffusion import noise_for
from models.pictures import to_tensor
from toolkit.errors import InputError

DEBUG = PRESETS["renderer"]["debug"]


@pytest.fixture(scope="module")
def renderer():
    torch.manual_seed(0)
    return DEBUG.build().eval()


def scene(count=3, side=160):
    """Frames with their landmarks: smooth random pictures, a mouth window in the lower middle."""
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    frames = np.stack([window.resize_frame(frame, side) for frame in frames])
    points = np.zeros((count, 68, 2))
    points[:, [6, 8, 10, 21, 30]] = np.array([(95, 190), (128, 205), (161, 191), (115, 90), (128, 140)]) * side / 256
    return frames, points


def test_pixels_are_cut_not_rounded():
    images = torch.tensor([-1, -0.999, 0.0, 0.9999, 1.0, 1.7, -3]).reshape(1, 1, 1, 7).expand(1, 3, 1, 7)
    assert to_pixels(images)[0, 0, :, 0].tolist() == [0, 0, 127, 254, 255, 255, 0]


def test_pictures_come_back_within_one_level():
    pictures = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=-1)
    there = to_tensor(pictures)
    assert there.min() == -1
    assert there.max() == 1
    back = to_pixels(there).astype(int)
    assert set(np.unique(pictures - back)) <= {0, 1}


def test_lip_pictures_are_the_windows_crop_of_the_resized_frame():
    frames, points = scene()
    pictures = lip_pictures(frames, points, 64)
    small = window.resize_frame(frames[1], 64)
    wanted = window.encoder_crop(small, points[1] * 64 / 160)
    np.testing.assert_array_equal(np.round((pictures[1].permute(1, 2, 0).numpy() + 1) * 127.5), wanted)


def test_latents_depend_on_the_face_alone(renderer):
    frames, points = scene()
    latents = lip_latents(renderer, frames, points, DEBUG.size)
    assert latents.shape == (3, 32)
    outside = window.inside(points[0], 160, window.BROW, window.Margins(9, 18))[None, ..., None] == 0
    repainted = np.where(outside, 255 - frames, frames).astype(np.uint8)
    torch.testing.assert_close(lip_latents(renderer, repainted, points, DEBUG.size), latents, rtol=0, atol=1e-6)
    assert (latents[0] - latents[1]).abs().max() > 1e-3


@pytest.mark.parametrize("sampler", ["ddim", "dpmsolver++", "unipc"])
def test_an_untrained_residual_renderer_paints_the_reference(renderer, sampler):
    """Its network answers nothing, so the start image is the base: what every sampler of the options then arrives at."""
    frames, points = scene()
    noise = noise_for(0, "clip", 0, (1, 3, DEBUG.size, DEBUG.size))
    images = render(
        renderer,
        frames,
        points,
        frames[2:],
        torch.zeros(3, 32),
        noise,
        DEBUG.sampling_schedule(),
        DEBUG.size,
        sampler=sampler,
        prediction=DEBUG.prediction,
    )
    reference = to_tensor(window.resize_frame(frames[2], DEBUG.size)[None])
    torch.testing.assert_close(images, reference.expand_as(images), rtol=0, atol=1e-4)


def test_frames_of_a_batch_do_not_know_of_each_other():
    torch.manual_seed(0)
    renderer = DEBUG.build().eval()
    with torch.no_grad():
        for parameter in renderer.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    frames, points = scene()
    latents = lip_latents(renderer, frames, points, DEBUG.size)
    noise = noise_for(0, "clip", 0, (1, 3, DEBUG.size, DEBUG.size))
    settings = {"schedule": DEBUG.sampling_schedule(), "size": DEBUG.size, "prediction": DEBUG.prediction}
    together = render(renderer, frames, points, frames[:1], latents, noise, **settings)
    alone = render(renderer, frames[1:2], points[1:2], frames[:1], latents[1:2], noise, **settings)
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-4)
    assert (together[0] - together[1]).abs().max() > 0.1


@pytest.mark.parametrize("name", PRESETS["renderer"])
def test_presets_name_a_walk_that_exists(name):
    preset = PRESETS["renderer"][name]
    assert len(preset.sampling_schedule()) == preset.steps
    assert len(preset.training_schedule()) == 1000
    assert len(preset.sampling_schedule(10)) == 10


def test_the_published_preset_refuses_step_counts_that_the_published_rule_does():
    with pytest.raises(InputError, match="37 sampling steps"):
        PRESETS["renderer"]["published"].sampling_schedule(37)
    assert len(PRESETS["renderer"]["debug"].sampling_schedule(37)) == 37


def test_the_debug_network_is_small():
    network = DEBUG.build()
    encoder = sum(parameter.numel() for parameter in network.encoder.parameters())
    assert 0.1e6 < encoder < 0.3e6
    assert sum(parameter.numel() for parameter in network.parameters()) < 2e6
