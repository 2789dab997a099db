"""MToV's sampler: exact length, the same pictures whatever the batches, what it encodes, starts, references and joins."""

from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.moditalker.encoding import Latents
from models.moditalker.presets import PRESETS, PlanePreset
from models.moditalker.unet import PlaneUNet
from models.moditalker.video_sampling import Driving, VideoSampler, blended, clip_starts, load_unet
from tests.models.moditalker.tiny_clips import FRAMES, PLACES, SIZE, TinyAutoEncoder, filled, tiny_latents
from toolkit.errors import InputError

NETWORK = {"size": PLACES, "frames": FRAMES, "channels": 3, "width": 8, "multipliers": (1, 2), "attention": ()}
NETWORK |= {"blocks": 1, "heads": 2, "groups": 4}
PRESET = replace(PRESETS["mtov"]["published"], network=NETWORK, steps=4, ratio=0.5)
OPTIONS = {
    "sampler": "ddim",
    "steps": None,
    "start": None,
    "overlap": None,
    "use_last_as_reference": False,
    "clips_at_once": 4,
    "precision": "float32",
}


def driving(length: int, frames: int = 5, seed: int = 0) -> Driving:
    """A video of noise that goes back and forth."""
    random = np.random.default_rng(seed)
    points = random.uniform(4, 28, (frames, 68, 2)).astype(np.float32)
    order = np.abs(np.arange(length) % (2 * frames - 2) - (frames - 1))
    aligned = random.uniform(4, 28, (length, 68, 2)).astype(np.float32)
    return Driving(random.integers(0, 256, (frames, 32, 32, 3), np.uint8), points, aligned, order, reference=2)


def sampler(preset: PlanePreset = PRESET, scale: float = 0.3, **options) -> VideoSampler:
    return VideoSampler(tiny_latents(), filled(preset.build(), scale).eval(), preset, OPTIONS | options)


def sampled(video: Driving, seed: int = 3, preset: PlanePreset = PRESET, scale: float = 0.3, **options) -> np.ndarray:
    return np.stack(list(sampler(preset, scale, **options).pictures(video, "a", seed)))


def levels(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far pictures are apart, (n,) mean levels of 255."""
    return np.abs(one.astype(float) - other).mean(axis=(1, 2, 3))


@pytest.mark.parametrize("overlap", [0, 1, 2])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6, 7, 13])
def test_a_video_is_as_long_as_its_landmarks(length, overlap):
    made = sampled(driving(length), overlap=overlap, steps=2)
    assert made.shape == (length, SIZE, SIZE, 3)
    assert made.dtype == np.uint8


@pytest.mark.parametrize(
    ("length", "overlap", "expected"),
    [(1, 0, [0]), (4, 0, [0]), (5, 0, [0, 4]), (9, 0, [0, 4, 8]), (4, 1, [0]), (5, 1, [0, 3]), (10, 1, [0, 3, 6])],
)
def test_clips_cover_the_pictures_and_none_more_than_needed(length, overlap, expected):
    assert clip_starts(length, 4, overlap) == expected


def test_pictures_do_not_depend_on_how_many_clips_are_made_at_once():
    video = driving(14)
    first = sampled(video, clips_at_once=1, overlap=1)
    assert all(np.abs(first.astype(int) - sampled(video, clips_at_once=n, overlap=1)).max() <= 1 for n in (2, 5))


def test_pictures_come_from_seed_and_landmarks():
    video = driving(6)
    first = sampled(video)
    assert np.array_equal(first, sampled(video))
    assert levels(first, sampled(video, seed=4)).min() > 0.5
    moved = video._replace(aligned=video.aligned + np.float32(8) * (np.arange(6) >= 4)[:, None, None])
    other = sampled(moved)
    assert np.array_equal(first[:4], other[:4]), "the second clip's landmarks are not the first's"
    assert not np.array_equal(first[4:], other[4:])


@pytest.mark.parametrize("overlap", [0, 2])
def test_each_clip_is_encoded_twice_and_the_reference_once(monkeypatch, overlap):
    made, encoded = sampler(overlap=overlap), {"rgb": [], "motion": []}
    for name, calls in encoded.items():
        network = getattr(made.latents, name)
        encode = network.encode
        monkeypatch.setattr(network, "encode", lambda x, e=encode, c=calls: c.append(x) or e(x))
    video = driving(16)
    assert len(list(made.pictures(video, "a", 0))) == 16
    count = len(clip_starts(16, FRAMES, overlap))
    reference, *masked = torch.cat(encoded["rgb"])
    assert len(masked) == sum(len(x) for x in encoded["motion"]) == count
    assert (reference == reference[:, :1]).all(), "it stands still"
    torch.testing.assert_close(reference, made.latents.assembly.video([video.frames[2]] * FRAMES, SIZE))
    for start, clip in zip(clip_starts(16, FRAMES, overlap), masked, strict=True):
        numbers = video.order[np.minimum(np.arange(start, start + FRAMES), 15)]
        wanted = made.latents.assembly.masked(list(video.frames[numbers]), video.points[numbers], SIZE)
        torch.testing.assert_close(clip, wanted)


def test_no_more_is_read_than_the_next_clips_need():
    class Watched:
        """Frames that note which were read."""

        read: ClassVar[list[int]] = []

        def __getitem__(self, number: int) -> np.ndarray:
            self.read.append(number)
            return np.full((32, 32, 3), number, np.uint8)

    length = 200
    points = np.full((length, 68, 2), 16, np.float32)
    made = sampler(clips_at_once=2, steps=2).pictures(Driving(Watched(), points, points, np.arange(length)), "a", 0)
    next(made)
    assert Watched.read == [0, *range(2 * FRAMES)]
    assert sum(1 for _ in made) == length - 1
    assert Watched.read == [0, *range(length)], "each frame once"


def calls_of(made: VideoSampler, video: Driving, monkeypatch) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(x, t) of the network's calls."""
    calls, denoise = [], PlaneUNet.denoise
    monkeypatch.setattr(PlaneUNet, "denoise", lambda self, x, t, p: calls.append((x, t)) or denoise(self, x, t, p))
    list(made.pictures(video, "a", 0))
    return calls


def test_published_sampling_starts_from_the_noised_reference(monkeypatch):
    made, video = sampler(replace(PRESET, steps=100, ratio=0.25)), driving(4)
    calls = calls_of(made, video, monkeypatch)
    assert [int(t[0]) for _, t in calls] == list(range(249, 0, -10))
    signal = PRESET.training_schedule().alphas_cumprod[250].sqrt()
    noise = calls[0][0] - signal * made.latents.reference([video.frames[2]])
    assert noise.std().item() == pytest.approx(float(1 - signal**2) ** 0.5, rel=0.1)


def test_sampling_from_noise_takes_all_steps(monkeypatch):
    calls = calls_of(sampler(start="noise", steps=10), driving(4), monkeypatch)
    assert [int(t[0]) for _, t in calls] == list(range(999, 0, -100))
    assert calls[0][0].std().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("noise", ["fresh", "fixed"])
def test_noise_is_each_clips_own_or_the_videos(monkeypatch, noise):
    made, video = sampler(replace(PRESET, noise=noise)), driving(3)
    still = video._replace(aligned=video.aligned[[0] * 12], order=np.zeros(12, int))
    first, second, third = calls_of(made, still, monkeypatch)[-1][0]
    assert torch.allclose(first, second, atol=1e-5) == torch.allclose(first, third, atol=1e-5) == (noise == "fixed")


@pytest.mark.parametrize("chained", [False, True])
def test_the_last_picture_may_be_the_next_clips_reference(monkeypatch, chained):
    references, prepare = [], PlaneUNet.prepare
    monkeypatch.setattr(PlaneUNet, "prepare", lambda self, *a: references.append(a[2].clone()) or prepare(self, *a))
    made = sampler(use_last_as_reference=chained)
    pictures = list(made.pictures(driving(3 * FRAMES), "a", 0))
    if not chained:
        (all_three,) = references
        assert torch.equal(all_three[0], all_three[2])
        return
    assert [len(reference) for reference in references] == [1, 1, 1]
    for number in (1, 2):
        last = made.latents.reference([pictures[number * FRAMES - 1]])
        torch.testing.assert_close(references[number], last)


@pytest.mark.parametrize("name", ["ddim", "dpmsolver++", "unipc"])
def test_every_solver_gives_pictures(name):
    assert sampled(driving(4), sampler=name).std() > 1


def test_clips_pass_into_each_other_in_even_steps():
    clips = [torch.full((3, 4, 1, 1), float(value)) for value in (0, 6, 0)]
    pictures = torch.cat(list(blended(iter(clips), 2, 7)))[:, 0, 0, 0]
    assert pictures.tolist() == [0, 0, 2, 4, 4, 2, 0]
    assert torch.cat(list(blended(iter(clips[:2]), 0, 7)))[:, 0, 0, 0].tolist() == [0, 0, 0, 0, 6, 6, 6]


def change_at_joins(monkeypatch, overlap: int, noise: str) -> tuple[float, float]:
    """How much pictures change in levels of 255, at the joins of clips at most and elsewhere at most: of a network that gives
    what the landmarks say, which moves by 1 a picture, and a colour of its noise."""
    monkeypatch.setattr(PlaneUNet, "prepare", lambda self, motion, masked, reference: motion)
    monkeypatch.setattr(PlaneUNet, "denoise", lambda self, x, t, motion: motion + xy_only(x.mean(dim=2, keepdim=True)))
    xy_only = partial(torch.mul, torch.arange(PLACES**2 + 16 * PLACES) < PLACES**2)
    preset = replace(PRESET, prediction="start", start="noise", noise=noise, steps=1, network={**NETWORK, "frames": 8})
    rgb, motion = (TinyAutoEncoder(frames=8) for _ in range(2))
    latents = Latents(rgb, motion, tiny_latents().assembly)
    made = VideoSampler(latents, preset.build(), preset, OPTIONS | {"overlap": overlap})
    length = 42
    moving = np.full((length, 68, 2), 12, np.float32) + np.arange(length)[:, None, None] * np.float32(32 / 255)
    pictures = list(made.pictures(driving(length)._replace(aligned=moving), "a", 0))
    change = np.abs(np.diff(np.stack(pictures).astype(float), axis=0)).max(axis=(1, 2, 3))
    starts = clip_starts(length, 8, overlap)[1:]
    joins = np.isin(np.arange(1, length), [start + number for start in starts for number in range(overlap + 1)])
    return change[joins].max(), change[~joins].max()


@pytest.mark.parametrize("overlap", [1, 2, 3])
def test_an_overlap_spreads_the_jump_at_a_join(monkeypatch, overlap):
    jump, elsewhere = change_at_joins(monkeypatch, 0, "fresh")
    assert elsewhere <= 2
    assert jump > 20 * elsewhere
    spread, elsewhere = change_at_joins(monkeypatch, overlap, "fresh")
    assert elsewhere <= 2
    assert spread < 1.2 * jump / (overlap + 1) + 2


def test_with_the_same_noise_there_is_no_jump(monkeypatch):
    for overlap in (0, 2):
        assert max(change_at_joins(monkeypatch, overlap, "fixed")) <= 2


@pytest.mark.parametrize(("preset", "width"), [("published", 64), ("debug", None)])
def test_published_weights_are_of_the_width_they_have(tmp_path, monkeypatch, preset, width):
    chosen = replace(PRESETS["mtov"][preset], network=PRESETS["mtov"]["debug"].network)
    monkeypatch.setitem(PRESETS["mtov"], preset, chosen)
    write_weights(tmp_path / "mtov.safetensors", chosen.build(width).state_dict(), {})
    assert load_unet(tmp_path / "mtov.safetensors", preset, "cpu").width == (width or chosen.network["width"])


def test_weights_of_another_network_are_named_by_their_file(tmp_path):
    write_weights(tmp_path / "mtov.safetensors", {"network.weight": torch.ones(3)}, {})
    with pytest.raises(InputError, match=r"mtov\.safetensors: does not fit the network"):
        load_unet(tmp_path / "mtov.safetensors", "debug", "cpu")
