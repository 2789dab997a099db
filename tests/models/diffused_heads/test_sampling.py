"""Diffused Heads' sampler: pictures in order, the same whoever is drawn beside them."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.diffused_heads import sampling
from models.diffused_heads.presets import PRESETS
from models.diffused_heads.sampling import LONG, load
from models.diffused_heads.unet import UNet
from models.pictures import to_pixels
from models.system import Request
from tests.small_clips import pictures
from toolkit.errors import InputError

OPTIONS = {
    "reference_frame": 0,
    "sampler": None,
    "steps": None,
    "stabilise": None,
    "speech_pooling": "concatenation",
    "precision": "float32",
    "heads": None,
    "head_width": None,
}
# The published form, small enough for a test.
PUBLISHED_FORM = {"width": 32, "multipliers": (1, 2), "blocks": 1, "attention": (1,), "audio_width": 12}


def disturbed(network: UNet, path: Path) -> dict[str, Path]:
    """Weights that have learnt nothing, but answer every input differently."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():  # some start as zeros
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    write_weights(path, network.state_dict(), {})
    return {"unet": path}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.manual_seed(0)
    return disturbed(PRESETS["unet"]["debug"].build(160), tmp_path_factory.mktemp("weights") / "unet.safetensors")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.manual_seed(0)
    network = UNet(**PUBLISHED_FORM, motion_channels=1)
    return disturbed(network, tmp_path_factory.mktemp("published") / "unet.safetensors")


def features(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2 * length, 80)).astype(np.float32)


def draw(weights, clip, length: int, seed: int = 3, speech=None, **options) -> np.ndarray:
    sampler = load(weights, "debug", OPTIONS | options, "cpu")
    speech = features(length) if speech is None else speech
    return pictures(sampler, clip, speech, length, seed)


@pytest.mark.parametrize("length", [1, 2, 7])
def test_as_many_pictures_as_asked_for(weights, make_clip, length):
    made = draw(weights, make_clip("a", 3), length)
    assert made.shape == (length, 64, 64, 3)
    assert made.dtype == np.uint8
    assert len(np.unique(made.reshape(length, -1), axis=0)) == length


@pytest.mark.parametrize("rows", [25, 26, 27])
def test_length_does_not_depend_on_a_feature_frame_more_or_less(weights, make_clip, rows):
    assert len(draw(weights, make_clip("a", 3), 13, speech=np.ones((rows, 80), np.float32))) == 13


def test_a_portrait_speaks(weights, make_clip):
    made = draw(weights, make_clip("a", 1), 4)
    assert made.shape == (4, 64, 64, 3)
    assert np.array_equal(made, draw(weights, make_clip("a", 5), 4))  # whose first frame is the same


def test_pictures_come_from_seed_name_reference_and_speech(weights, make_clip):
    clip = make_clip("a", 3)
    first = draw(weights, clip, 4)
    assert np.array_equal(first, draw(weights, clip, 4))
    others = [
        draw(weights, clip, 4, seed=4),
        draw(weights, clip, 4, speech=features(4, seed=1)),
        draw(weights, clip, 4, reference_frame=2),
        draw(weights, make_clip("b", 3), 4),
    ]
    assert not any(np.array_equal(first, other) for other in others)


def test_a_picture_hears_two_frames_ahead_and_no_further(weights, make_clip):
    clip, speech, changed = make_clip("a", 1), features(9), features(9)
    changed[2 * 6 :] += 3  # from frame 6 on
    first, second = (draw(weights, clip, 9, speech=heard) for heard in (speech, changed))
    assert np.array_equal(first[:4], second[:4])
    assert not np.array_equal(first[4], second[4])


def alike(first: np.ndarray, second: np.ndarray) -> bool:
    """Within one level, and mostly the same: convolutions round by how many pictures there are."""
    difference = np.abs(first.astype(int) - second)
    return difference.max() <= 1 and (difference > 0).mean() < 0.01


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_a_clip_is_the_same_alone_and_in_company(weights, make_clip, sampler):
    lengths = {"a": 3, "b": 6, "c": 1, "d": 6}
    requests = [
        Request(make_clip(name, 2, first=20 * number), features(length, number), length)
        for number, (name, length) in enumerate(lengths.items())
    ]
    model = load(weights, "debug", OPTIONS | {"sampler": sampler}, "cpu")
    made = {number: [] for number in range(4)}
    for number, picture in model.sample(requests, 3):
        made[number].append(picture.rgb)
    for number, request in enumerate(requests):
        alone = pictures(model, request.clip, request.speech, request.length, 3)
        assert alike(np.stack(made[number]), alone)
    assert not alike(np.stack(made[1]), np.stack(made[3]))


def test_clips_in_company_take_turns(weights, make_clip):
    clip = make_clip("a", 2)
    requests = [Request(clip, features(length), length) for length in (1, 3, 2)]
    order = [number for number, _ in load(weights, "debug", OPTIONS, "cpu").sample(requests, 0)]
    assert order == [1, 2, 0, 1, 2, 1]


def test_threads_change_nothing_that_shows(weights, make_clip):
    clip, before = make_clip("a", 2), torch.get_num_threads()
    made = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            made.append(draw(weights, clip, 2, steps=2))
    finally:
        torch.set_num_threads(before)
    assert alike(*made)


@pytest.mark.parametrize("shape", [(20, 39), (20, 25, 768), (10, 256)])
def test_features_of_another_encoder_are_refused(weights, make_clip, shape):
    with pytest.raises(InputError, match="the weights were trained on 160"):
        draw(weights, make_clip("a", 2), 10, speech=np.zeros(shape, np.float32))


def test_the_file_of_such_features_is_named(weights, make_clip, tmp_path):
    np.save(tmp_path / "other.npy", np.zeros((10, 256), np.float32))
    with pytest.raises(InputError, match=r"other\.npy: 256 values a frame"):
        draw(weights, make_clip("a", 2), 10, speech=np.load(tmp_path / "other.npy", mmap_mode="r"))


@pytest.mark.parametrize(("length", "stabilise", "warned"), [(LONG, None, 0), (LONG + 1, None, 1), (LONG + 1, 15, 0)])
def test_long_clips_are_warned_of_where_nothing_holds_them(weights, make_clip, caplog, length, stabilise, warned):
    sampler = load(weights, "debug", OPTIONS | {"stabilise": stabilise}, "cpu")
    request = Request(make_clip("long one", 1), np.zeros((2 * length, 80), np.float32), length)
    with caplog.at_level(logging.WARNING, logger="talkflow"):
        sampler.prepare(request)
    assert caplog.text.count(f"long one: {length} frames; beyond 225") == warned


@pytest.mark.parametrize(("chosen", "expected"), [(0, 0), (3, 3), (4, 4), (50, 4)])
def test_the_reference_frame_is_the_one_chosen_or_the_last(weights, make_clip, chosen, expected):
    sampler = load(weights, "debug", OPTIONS | {"reference_frame": chosen}, "cpu")
    identity = sampler.identity(make_clip("a", 5, first=100))
    assert identity.shape == (1, 3, 64, 64)
    assert (127.5 * identity.mean() + 127.5).item() == pytest.approx(100 + 4 * expected, abs=1)


@pytest.mark.parametrize(("chosen", "shown"), [(0, 2), (2, 2), (4, 5), (7, 6)])
def test_a_frame_without_a_face_shows_nobody(weights, make_clip, caplog, chosen, shown):
    """As in a clip that fades in: the nearest frame with a face is taken, and that is said."""
    sampler = load(weights, "debug", OPTIONS | {"reference_frame": chosen}, "cpu")
    with caplog.at_level(logging.WARNING, logger="talkflow"):
        identity = sampler.identity(make_clip("fading", 8, first=100, missing=(0, 1, 3, 4, 7)))
    assert (127.5 * identity.mean() + 127.5).item() == pytest.approx(100 + 4 * shown, abs=1)
    assert (f"fading: no face in frame {chosen}; frame {shown} shows the person" in caplog.text) == (chosen != shown)


def test_stabilising_begins_where_its_first_segment_ends(weights, make_clip):
    clip = make_clip("a", 1)
    drifting, held = draw(weights, clip, 6), draw(weights, clip, 6, stabilise=3)
    assert np.array_equal(drifting[:3], held[:3])
    assert not np.array_equal(drifting[3], held[3])


@pytest.mark.parametrize(
    "options", [{"sampler": "ancestral"}, {"sampler": "dpmsolver++"}, {"sampler": "unipc"}, {"steps": 7}]
)
def test_samplers_and_steps_are_chosen(weights, make_clip, options):
    clip = make_clip("a", 1)
    made = draw(weights, clip, 2, **options)
    assert made.shape == (2, 64, 64, 3)
    assert not np.array_equal(made, draw(weights, clip, 2))


def test_the_network_is_called_once_a_step(weights, make_clip):
    sampler = load(weights, "debug", OPTIONS | {"steps": 5}, "cpu")
    steps = []
    sampler.network.register_forward_pre_hook(lambda module, given: steps.append(given[1].tolist()))
    pictures(sampler, make_clip("a", 1), features(2), 2, 0)
    assert steps == [[999], [799], [599], [399], [199]] * 2


def test_bfloat16_is_near_float32(weights, make_clip):
    clip = make_clip("a", 1)
    exact, rough = (draw(weights, clip, 2, precision=precision).astype(float) for precision in ("float32", "bfloat16"))
    assert 0 < np.abs(exact - rough).mean() < 4


def test_speech_is_pooled_as_the_options_say(weights, make_clip, tmp_path):
    narrow = disturbed(PRESETS["unet"]["debug"].build(80), tmp_path / "narrow.safetensors")
    clip, speech = make_clip("a", 1), features(3)
    pooled = draw(narrow, clip, 3, speech=speech, speech_pooling="mean")
    by_hand = draw(narrow, clip, 3, speech=speech.reshape(3, 2, 80).mean(axis=1))  # one row a frame: nothing to pool
    assert np.array_equal(pooled, by_hand)


def test_published_settings_are_read_from_the_weights(published, make_clip):
    """Grey motion, two levels and twelve numbers of speech, none of which the preset says."""
    sampler = load(published, "published", OPTIONS | {"steps": 2}, "cpu")
    network = sampler.network
    assert (network.width, network.motion_channels, network.audio_width) == (32, 1, 12)
    assert (sampler.preset.size, sampler.frame_sampler.sampler, sampler.frame_sampler.prediction) == (
        128,
        "ancestral",
        "noise",
    )
    assert network.middle_block[1].heads == 1  # 64 channels, 64 to a head
    assert pictures(sampler, make_clip("a", 1), np.ones((1, 12), np.float32), 1, 0).shape == (1, 128, 128, 3)


def test_weights_of_ours_are_no_published_ones(weights):
    with pytest.raises(InputError, match=r"unet\.safetensors.* is no network of Diffused Heads"):
        load(weights, "published", OPTIONS, "cpu")


@pytest.mark.parametrize(("options", "heads"), [({"heads": 4}, 4), ({"head_width": 32}, 2), ({}, 1)])
def test_heads_that_no_tensor_shows_are_an_option(published, options, heads):
    sampler = load(published, "published", OPTIONS | options, "cpu")
    assert sampler.network.middle_block[1].heads == heads


@pytest.mark.parametrize("option", ["heads", "head_width"])
def test_heads_that_do_not_divide_the_channels_are_refused(weights, option):
    with pytest.raises(InputError, match="5 do not divide the 64 channels") as error:
        load(weights, "debug", OPTIONS | {option: 5}, "cpu")
    assert error.value.subject == f"sampling: {option}"


def test_our_presets_take_the_heads_too(weights):
    assert load(weights, "debug", OPTIONS, "cpu").network.middle_block[1].heads == 2
    assert load(weights, "debug", OPTIONS | {"heads": 4}, "cpu").network.middle_block[1].heads == 4


def test_weights_of_another_preset_are_refused(weights):
    with pytest.raises(InputError, match="does not fit the network"):
        load(weights, "small", OPTIONS, "cpu")


@pytest.mark.parametrize("preset", list(PRESETS["unet"]))
def test_weights_of_another_system_are_refused(preset, tmp_path):
    write_weights(tmp_path / "unet.safetensors", {"encoder.weights": torch.zeros(3)}, {})
    with pytest.raises(InputError, match=r"unet\.safetensors"):
        load({"unet": tmp_path / "unet.safetensors"}, preset, OPTIONS, "cpu")


def test_weights_of_ours_that_look_published_are_refused_by_their_heads(tmp_path):
    """`small` has the published names, and channels that its own heads make up and the published do not."""
    form = PUBLISHED_FORM | {"multipliers": (1, 3), "head_width": 48, "out_channels": 3}
    path = disturbed(UNet(**form), tmp_path / "unet.safetensors")
    with pytest.raises(InputError, match=r"unet\.safetensors: has 96 channels.* heads of 64 do not make up"):
        load(path, "published", OPTIONS, "cpu")
    assert load(path, "published", OPTIONS | {"head_width": 48}, "cpu").network.middle_block[1].heads == 2


def test_shapes_that_no_network_has_are_refused(tmp_path):
    path = disturbed(UNet(**PUBLISHED_FORM | {"width": 16, "groups": 16}), tmp_path / "unet.safetensors")
    with pytest.raises(InputError, match=r"unet\.safetensors: has shapes that no network has"):
        load(path, "published", OPTIONS, "cpu")


@pytest.mark.parametrize("sampler", ["ancestral", "ddim", "dpmsolver++", "unipc"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("steps", [1, 2, 6, 7])
def test_few_steps_give_numbers(published, make_clip, monkeypatch, sampler, precision, steps):
    """In float32 tables a network that predicts noise gives NaN at 6 steps and fewer."""
    monkeypatch.setitem(PRESETS["unet"], "published", replace(PRESETS["unet"]["published"], size=16))
    options = {"sampler": sampler, "precision": precision, "steps": steps}
    drawn = load(published, "published", OPTIONS | options, "cpu")
    request = Request(make_clip("a", 1), np.ones((2, 12), np.float32), 2)
    made = []
    monkeypatch.setattr(sampling, "to_pixels", lambda images: made.append(images) or to_pixels(images))
    list(drawn.sample([request], 0))
    assert torch.stack(made).isfinite().all()
    assert torch.stack(made).std() > 0.01
