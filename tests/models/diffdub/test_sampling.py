"""DiffDub's sampler: three modes, exact length, the same pictures whatever the batches."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.diffdub import sampling, window
from models.diffdub.encoding import clip_latents, encode
from models.diffdub.presets import PRESETS
from models.diffdub.sampling import load
from tests.small_clips import pictures
from toolkit.errors import InputError
from toolkit.media.frames import read_frames

OPTIONS = {
    "mode": "one_shot",
    "reference_frame": None,
    "steps": 2,
    "sampler": "ddim",
    "beyond": "ping_pong",
    "batch_size": 8,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Weights of both stages that have learnt nothing, but answer every input differently."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    networks = {
        "renderer": PRESETS["renderer"]["debug"].build(),
        "sequence": PRESETS["sequence"]["debug"].build(1, 80, 32),
    }
    for number, (stage, network) in enumerate(networks.items()):
        generator = torch.Generator().manual_seed(number)
        for parameter in network.parameters():  # some start as zeros
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
        write_weights(folder / f"{stage}.safetensors", network.state_dict(), {})
    return {stage: folder / f"{stage}.safetensors" for stage in networks}


def draw(weights, clip, length: int, seed: int = 3, speech=None, **options) -> np.ndarray:
    sampler = load(weights, "debug", OPTIONS | options, "cpu")
    speech = np.random.default_rng(0).normal(size=(2 * length, 80)) if speech is None else speech
    return pictures(sampler, clip, speech, length, seed)


def unpainted(clip, index: int) -> np.ndarray:
    """(64, 64) bool: where the debug preset leaves frame `index` as it is."""
    return window.WINDOWS[PRESETS["renderer"]["debug"].window].feather(clip.points[index] * 64 / 96, 64) == 0


@pytest.mark.parametrize(
    "tensors",
    [
        {"network.weight": torch.ones(3)},
        {"encoder.weights": torch.ones(()), "encoder.out_proj.weight": torch.ones(4, 2)},
    ],
)
def test_weights_of_another_network_are_named_by_their_file(weights, tmp_path, tensors):
    write_weights(tmp_path / "sequence.safetensors", tensors, {})
    with pytest.raises(InputError, match=r"sequence\.safetensors: does not fit the network"):
        load(weights | {"sequence": tmp_path / "sequence.safetensors"}, "debug", OPTIONS, "cpu")


@pytest.mark.parametrize("mode", ["one_shot", "few_shot", "single_portrait"])
def test_every_mode_is_as_long_as_the_speech(weights, make_clip, mode):
    made = draw(weights, make_clip("a", 9), 13, mode=mode)
    assert made.shape == (13, 64, 64, 3)
    assert made.dtype == np.uint8


@pytest.mark.parametrize("features", [25, 26, 27])
def test_length_does_not_depend_on_a_feature_frame_more_or_less(weights, make_clip, features):
    speech = np.random.default_rng(0).normal(size=(features, 80))
    assert len(draw(weights, make_clip("a", 5), 13, speech=speech)) == 13


@pytest.mark.parametrize("shape", [(20, 39), (20, 25, 80)])
def test_features_of_another_encoder_are_refused(weights, make_clip, shape):
    with pytest.raises(InputError, match="the weights were trained on 1 x 80"):
        draw(weights, make_clip("a", 9), 10, speech=np.zeros(shape))


def test_pictures_do_not_depend_on_the_batch_size(weights, make_clip):
    clip = make_clip("a", 9)
    first, second = (draw(weights, clip, 11, batch_size=size).astype(int) for size in (1, 5))
    assert np.abs(first - second).max() <= 1  # truncation to uint8 can turn 1e-6 into 1
    assert (first != second).mean() < 0.01


def test_pictures_come_from_seed_and_speech(weights, make_clip):
    clip = make_clip("a", 9)
    first = draw(weights, clip, 6)
    assert np.array_equal(first, draw(weights, clip, 6))
    assert not np.array_equal(first, draw(weights, clip, 6, seed=4))
    assert not np.array_equal(first, draw(weights, clip, 6, speech=np.random.default_rng(1).normal(size=(12, 80))))


def test_outside_the_window_the_frames_walk_on_by_ping_pong(weights, make_clip):
    clip = make_clip("a", 4)
    made = draw(weights, clip, 9)
    source = [window.resize_frame(frame, 64) for frame in read_frames(clip["view"])]
    for picture, index in zip(made, [0, 1, 2, 3, 2, 1, 0, 1, 2], strict=True):
        outside = unpainted(clip, index)
        assert outside.mean() > 0.4
        assert np.array_equal(picture[outside], source[index][outside])
        assert not np.array_equal(picture[~outside], source[index][~outside])


def test_a_portrait_is_one_frame_throughout(weights, make_clip):
    clip = make_clip("a", 1)
    made = draw(weights, clip, 5, mode="single_portrait")
    outside = unpainted(clip, 0)
    assert (made[:, outside] == made[0, outside]).all()


@pytest.mark.parametrize(
    ("mode", "chosen", "frames", "expected"),
    [
        ("few_shot", None, 80, 74),
        ("few_shot", None, 30, 14),
        ("single_portrait", None, 9, 0),
        ("one_shot", 4, 9, 4),
        ("few_shot", 2, 9, 2),
        ("one_shot", 50, 9, 8),
    ],
)
def test_reference_frame(weights, make_clip, mode, chosen, frames, expected):
    sampler = load(weights, "debug", OPTIONS | {"mode": mode, "reference_frame": chosen}, "cpu")
    assert sampler.reference_number(make_clip("a", frames), 0) == expected


def test_one_shot_frame_is_drawn_among_those_with_a_face(weights, make_clip):
    sampler = load(weights, "debug", OPTIONS, "cpu")
    clip = make_clip("a", 9, missing=(0, 1, 2, 4, 5, 6, 7))
    drawn = [sampler.reference_number(clip, seed) for seed in range(30)]
    assert set(drawn) == {3, 8}
    assert drawn == [sampler.reference_number(clip, seed) for seed in range(30)]


def test_references_of_the_modes(weights, make_clip, monkeypatch):
    """One-shot repeats one frame's latent 75 times; few-shot takes the first 75, round and round."""
    given = []

    def listen(network, speech, references):
        given.append(references)
        return np.zeros((len(speech) // 2, 32), np.float32)

    monkeypatch.setattr(sampling, "predict_long", listen)
    clip = make_clip("a", 30)
    draw(weights, clip, 2, mode="one_shot", reference_frame=7)
    draw(weights, clip, 2, mode="few_shot")
    latents = encode(weights, "debug", clip, "cpu")["lips"].numpy()
    np.testing.assert_allclose(given[0], latents[[7] * 75], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(given[1], latents[np.arange(75) % 30], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sampler", ["dpmsolver++", "unipc"])
def test_few_step_solvers_are_others_than_ddim(weights, make_clip, sampler):
    """How near they come is a matter of trained networks and of tests/models/diffusion."""
    clip = make_clip("a", 3)
    published, quick = (draw(weights, clip, 3, steps=5, sampler=name) for name in ("ddim", sampler))
    outside = unpainted(clip, 0)
    assert np.array_equal(published[0][outside], quick[0][outside])
    assert not np.array_equal(published, quick)


def test_bfloat16_is_near_float32(weights, make_clip):
    clip = make_clip("a", 3)
    exact, rough = (draw(weights, clip, 3, precision=precision).astype(float) for precision in ("float32", "bfloat16"))
    assert 0 < np.abs(exact - rough).mean() < 2


def test_latents_are_one_per_frame_whatever_the_batches(weights, make_clip, monkeypatch):
    clip = make_clip("a", 9, missing=(4,))
    whole = encode(weights, "debug", clip, "cpu")["lips"]
    assert whole.shape == (9, 32)
    assert whole.dtype == torch.float32
    monkeypatch.setattr("models.diffdub.encoding.BATCH", 2)
    torch.testing.assert_close(encode(weights, "debug", clip, "cpu")["lips"], whole, rtol=1e-3, atol=1e-4)
    renderer = load(weights, "debug", OPTIONS, "cpu").renderer
    torch.testing.assert_close(clip_latents(renderer, 64, clip, 5), whole[:5], rtol=1e-3, atol=1e-4)
