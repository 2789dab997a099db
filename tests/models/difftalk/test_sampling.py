"""DiffTalk's sampler: exact length, the same pictures whatever the batches, its options, and what it refuses."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.difftalk.encoding import load_first_stage
from models.difftalk.masks import resized
from models.difftalk.network import DiffTalkNetwork
from models.difftalk.points import condition
from models.difftalk.presets import PRESETS
from models.difftalk.sampling import DiffTalk, load
from models.pictures import to_pixels, to_tensor
from models.winograd import Winograd
from tests.small_clips import pictures
from toolkit.errors import InputError
from toolkit.media.frames import read_frames

OPTIONS = {
    "reference_frame": None,
    "progressive": False,
    "sampler": "ddim",
    "steps": 2,
    "noise": None,
    "beyond": "ping_pong",
    "batch_size": 8,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Those of `debug`."""
    return random_weights(tmp_path_factory.mktemp("weights"), "debug")


def random_weights(folder: Path, preset: str) -> dict[str, Path]:
    """Weights of both stages that have learnt nothing, but answer every input differently."""
    torch.manual_seed(0)
    networks = {
        "first_stage": PRESETS["first_stage"][preset].build(),
        "unet": PRESETS["unet"][preset].build(80),
    }
    networks["first_stage"].quantize.embedding.weight.data *= 1000
    for number, (stage, network) in enumerate(networks.items()):
        generator = torch.Generator().manual_seed(number)
        for parameter in network.parameters():  # some start as zeros
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
        write_weights(folder / f"{stage}.safetensors", network.state_dict(), {})
    return {stage: folder / f"{stage}.safetensors" for stage in networks}


def sampled(weights, clip, length: int, seed: int = 3, speech=None, **options) -> np.ndarray:
    sampler = load(weights, "debug", OPTIONS | options, "cpu")
    speech = np.random.default_rng(0).normal(size=(2 * length, 80)) if speech is None else speech
    return pictures(sampler, clip, speech, length, seed)


def test_a_sample_is_as_long_as_the_speech_whatever_the_video(weights, make_clip):
    made = sampled(weights, make_clip("a", 9), 13)
    assert made.shape == (13, 64, 64, 3)
    assert made.dtype == np.uint8


@pytest.mark.parametrize("features", [25, 26, 27])
def test_length_does_not_depend_on_a_feature_frame_more_or_less(weights, make_clip, features):
    speech = np.random.default_rng(0).normal(size=(features, 80))
    assert len(sampled(weights, make_clip("a", 5), 13, speech=speech)) == 13


def test_speech_of_less_than_eight_frames_works(weights, make_clip):
    assert len(sampled(weights, make_clip("a", 5), 2)) == 2


def test_features_of_another_encoder_are_refused(weights, make_clip):
    with pytest.raises(InputError, match="39 values a frame, but the weights were trained on 80"):
        sampled(weights, make_clip("a", 9), 10, speech=np.zeros((20, 39)))


@pytest.mark.parametrize("shape", [(20, 2, 40), (10, 80), (10, 16, 80), (10, 8, 16, 80)])
def test_layers_of_an_encoder_and_ready_windows_are_taken(weights, make_clip, shape):
    assert len(sampled(weights, make_clip("a", 9), 10, speech=np.zeros(shape))) == 10


@pytest.mark.parametrize("noise", ["fresh", "fixed"])
def test_pictures_do_not_depend_on_the_batch_size(weights, make_clip, noise):
    clip = make_clip("a", 9)
    first, second = (sampled(weights, clip, 11, batch_size=size, noise=noise).astype(int) for size in (1, 5))
    # A latent between two codes may fall on either side.
    assert (np.abs(first - second) > 1).mean() < 0.01


def test_pictures_come_from_seed_and_speech(weights, make_clip):
    clip = make_clip("a", 9)
    first = sampled(weights, clip, 6)
    assert np.array_equal(first, sampled(weights, clip, 6))
    assert not np.array_equal(first, sampled(weights, clip, 6, seed=4))
    other = np.random.default_rng(1).normal(size=(12, 80))
    assert not np.array_equal(first, sampled(weights, clip, 6, speech=other))


def test_a_held_frame_under_held_speech_moves_with_fresh_noise_alone(weights, make_clip):
    clip, speech = make_clip("a", 1), np.zeros((40, 80))
    fixed, fresh = (
        sampled(weights, clip, 20, speech=speech, noise=noise)[8:12].astype(int) for noise in ("fixed", "fresh")
    )
    assert np.abs(fixed - fixed[:1]).max() <= 1
    assert np.abs(fresh - fresh[:1]).mean() > 1


def test_every_step_knows_the_upper_half(weights, make_clip, monkeypatch):
    """The network is handed the frame's own latents above the nose, noised as far as the step is."""
    clip, length = make_clip("a", 4), 4
    sampler = load(weights, "debug", OPTIONS | {"steps": 5}, "cpu")
    seen = []
    inner = DiffTalkNetwork.denoise
    monkeypatch.setattr(DiffTalkNetwork, "denoise", lambda self, x, t, p: seen.append((x, t)) or inner(self, x, t, p))
    made = pictures(sampler, clip, np.zeros((2 * length, 80)), length, 0)
    assert len(made) == length
    assert len(seen) == 5
    frames = [resized(frame, 64) for frame in read_frames(clip["view"])]
    image = sampler.first_stage.encode(to_tensor(np.stack(frames)))
    rows = int(clip.points[0, 30, 1] * 64 / clip.size) // 4
    x, t = seen[-1]
    signal = sampler.schedule.alphas_cumprod[0].sqrt().item()
    assert (t == sampler.schedule.steps[0]).all()
    error = (x - signal * image)[:, :, : rows - 1].std().item()
    assert error == pytest.approx((1 - signal**2) ** 0.5, rel=0.2)


@pytest.mark.parametrize("progressive", [False, True])
def test_with_progressive_references_a_picture_is_the_next_ones(weights, make_clip, monkeypatch, progressive):
    seen, paint = [], DiffTalk.paint

    def watched(self, frames, stored, reference, *others):
        latents = paint(self, frames, stored, reference, *others)
        seen.append((len(frames), reference, latents))
        return latents

    monkeypatch.setattr(DiffTalk, "paint", watched)
    sampled(weights, make_clip("a", 6), 5, progressive=progressive)
    if not progressive:
        assert [count for count, _, _ in seen] == [5]
        return
    assert [count for count, _, _ in seen] == [1] * 5
    for (_, _, before), (_, reference, _) in pairwise(seen):
        assert torch.equal(before, reference)


def test_the_reference_is_the_users_frame_or_the_first_with_a_face(weights, make_clip):
    clip = make_clip("a", 9, missing=(0, 1))
    frames = np.stack([resized(frame, 64) for frame in read_frames(clip["view"])])
    network: DiffTalk = load(weights, "debug", OPTIONS, "cpu")
    first_stage = load_first_stage(weights["first_stage"], "debug", "cpu")

    class Source(list):
        """Frames by number."""

    for chosen, number in ((None, 2), (5, 5), (99, 8)):
        network.options = OPTIONS | {"reference_frame": chosen}
        latents = network.reference(Source(list(read_frames(clip["view"]))), clip)
        torch.testing.assert_close(latents, first_stage.encode(to_tensor(frames[[number]])), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sampler", ["ddim", "dpmsolver++", "unipc"])
def test_every_solver_gives_a_picture(weights, make_clip, sampler):
    made = sampled(weights, make_clip("a", 3), 3, sampler=sampler, steps=4)
    assert made.std() > 1


def test_on_a_cpu_the_convolutions_are_quick_and_latents_equal(tmp_path, make_clip, monkeypatch):
    """At the size of `small`, whose channels suffice; `debug` stays as it is, and so does bfloat16."""
    chosen = PRESETS["unet"]["small"]
    network = {**chosen.network, "width": 96, "multipliers": (1, 2), "attention": (1,), "blocks": 1}
    monkeypatch.setitem(PRESETS["unet"], "small", replace(chosen, network=network))
    paths = random_weights(tmp_path, "small")
    clip = make_clip("a", 2)
    latents = {}
    for precision in ("float32", "bfloat16"):
        sampler = load(paths, "small", OPTIONS | {"steps": 1, "precision": precision}, "cpu")
        quick = [layer for layer in sampler.network.modules() if isinstance(layer, Winograd)]
        assert bool(quick) == (precision == "float32")
        sampler.options["precision"] = "float32"
        with torch.inference_mode():
            frames = list(zip(read_frames(clip["view"]), clip.points, strict=True))
            landmarks = torch.from_numpy(condition(clip.points, clip.size))
            windows = torch.randn(2, 8, 16, 80, generator=torch.Generator().manual_seed(0))
            reference, _ = sampler.latents(frames[:1], clip.size)
            latents[precision] = sampler.paint(
                frames, clip.size, reference, landmarks, windows, np.arange(2), "a", seed=0
            )
        assert all(layer.kernel is not None for layer in quick)
    quick, direct = latents.values()
    assert not torch.equal(quick, direct)
    assert (quick - direct).norm() / direct.norm() < 1e-5


def test_debug_has_no_quick_convolutions(weights):
    sampler = load(weights, "debug", OPTIONS, "cpu")
    assert not any(isinstance(layer, Winograd) for layer in sampler.network.modules())


def test_weights_of_another_network_are_named_by_their_file(weights, tmp_path):
    write_weights(tmp_path / "unet.safetensors", {"network.weight": torch.ones(3)}, {})
    with pytest.raises(InputError, match=r"unet\.safetensors: does not fit the network"):
        load(weights | {"unet": tmp_path / "unet.safetensors"}, "debug", OPTIONS, "cpu")


def test_pictures_are_rounded_from_what_the_first_stage_gives(weights):
    first_stage = load_first_stage(weights["first_stage"], "debug", "cpu")
    latents = torch.randn(1, 6, 16, 16, generator=torch.Generator().manual_seed(0))
    images = first_stage.decode(latents)
    expected = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    np.testing.assert_array_equal(to_pixels(images), expected.permute(0, 2, 3, 1))
