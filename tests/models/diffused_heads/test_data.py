"""What Diffused Heads is trained on."""

import logging

import numpy as np
import pytest
import torch

from models.diffused_heads.conditioning import blurred
from models.diffused_heads.data import FrameData
from models.diffused_heads.presets import Preset
from models.diffused_heads.recipes import Recipe
from tests.small_clips import frame_numbers
from toolkit.errors import InputError
from toolkit.faces.geometry import MOUTH
from toolkit.files import write_npy
from toolkit.media.writer import write_video

SIZE = 64
PRESET = Preset(size=SIZE)
GREY = Preset(size=SIZE, network={"motion_channels": 1})


def draw(clips, count: int = 300, seed: int = 0, preset: Preset = PRESET, pooling: str = "mean", **recipe) -> dict:
    chosen = Recipe(steps=1, batch_size=1, **recipe)
    return FrameData(clips, preset, chosen, pooling).batch(np.random.default_rng(seed), count)


def shown(images: torch.Tensor, preset: Preset = PRESET) -> np.ndarray:
    """Numbers (n, frames) of the frames that motion frames (n, frames * channels, h, w) show."""
    frames = images.unflatten(1, (-1, preset.motion_channels))
    return np.stack([frame_numbers(frame) for frame in frames.unbind(1)], axis=1)


def test_target_and_identity_are_two_frames_with_a_face(make_clip):
    batch = draw([make_clip("a", 12, missing=(0, 3, 7))])
    target, identity = frame_numbers(batch["target"]), frame_numbers(batch["identity"])
    assert set(target) == set(identity) == set(range(12)) - {0, 3, 7}
    assert (target != identity).all()


def test_every_pair_of_frames_is_as_likely(make_clip):
    batch = draw([make_clip("a", 4)], count=1200)
    pairs = np.stack([frame_numbers(batch[name]) for name in ("target", "identity")])
    found, counts = np.unique(pairs, axis=1, return_counts=True)
    assert found.shape[1] == 12
    assert (np.abs(counts - 100) < 40).all()  # four standard deviations


def test_the_first_frame_with_a_face_can_always_show_the_person(make_clip):
    batch = draw([make_clip("a", 8, missing=(0, 5))], identity="first")
    assert set(frame_numbers(batch["identity"])) == {1}
    assert set(frame_numbers(batch["target"])) == {2, 3, 4, 6, 7}


@pytest.mark.parametrize("preset", [PRESET, GREY], ids=["colour", "grey"])
def test_motion_frames_stand_before_the_target_and_the_identity_before_the_clip(make_clip, preset):
    batch = draw([make_clip("a", 6)], preset=preset)
    assert batch["motion"].shape == (300, 2 * preset.motion_channels, SIZE, SIZE)
    target, identity = frame_numbers(batch["target"]), frame_numbers(batch["identity"])
    motion = shown(batch["motion"], preset)
    for older, newer, now, who in zip(*motion.T, target, identity, strict=True):
        assert (older, newer) == (now - 2 if now >= 2 else who, now - 1 if now >= 1 else who)
    assert (target == 0).any()


def test_a_motion_frame_may_be_one_without_a_face(make_clip):
    """It is a frame of the video none the less; only what is learnt or shown as the person must have one."""
    batch = draw([make_clip("a", 6, missing=(2,))])
    assert 2 in shown(batch["motion"])


def test_frames_of_a_sample_are_of_one_clip(make_clip):
    batch = draw([make_clip("a", 5), make_clip("b", 20, first=8 + 4 * 30)])
    of_b = frame_numbers(batch["target"]) >= 30
    assert 100 < of_b.sum() < 200  # clips are as likely, whatever their lengths
    assert ((frame_numbers(batch["identity"]) >= 30) == of_b).all()
    assert ((shown(batch["motion"]) >= 30) == of_b[:, None]).all()
    number = batch["audio"][:, 2, 0]  # the features of frame k are 2 k and 2 k + 1
    torch.testing.assert_close(number, torch.tensor(2 * (frame_numbers(batch["target"]) - 30 * of_b) + 0.5).float())


@pytest.mark.parametrize("whose", ["target", "identity"])
def test_lips_are_those_of_the_frame_asked_for_in_its_pixels(make_clip, whose):
    clip = make_clip("a", 30)
    batch = draw([clip], lips=whose)
    numbers = frame_numbers(batch[whose])
    wanted = torch.from_numpy(clip.points[numbers][:, MOUTH]) * SIZE / clip.size
    torch.testing.assert_close(batch["lips"], wanted)
    assert len(np.unique(batch["lips"][:, 0, 1])) > 20


@pytest.mark.parametrize(
    ("pooling", "rows", "width", "factor"),
    [
        ("mean", 2, 80, [2, 0.5]),
        ("concatenation", 2, 160, [2, 0]),
        ("mean", 1, 80, [1, 0]),
        ("concatenation", 1, 80, [1, 0]),
    ],
)
def test_speech_is_heard_around_the_target(make_clip, pooling, rows, width, factor):
    """At 25 and at 50 Hz, in every frame's own row; the value of row i is i."""
    clip = make_clip("a", 9)
    write_npy(clip["speech"], np.arange(rows * 9, dtype=np.float32)[:, None].repeat(80, axis=1))
    data = FrameData([clip], PRESET, Recipe(steps=1, batch_size=1), pooling)
    assert data.audio_width == width
    batch = data.batch(np.random.default_rng(0), 60)
    assert batch["audio"].shape == (60, 5, width)
    assert batch["audio"].dtype == torch.float32
    frames = np.clip(frame_numbers(batch["target"])[:, None] + np.arange(-2, 3), 0, 8)
    np.testing.assert_allclose(batch["audio"][:, :, 0], factor[0] * frames + factor[1])
    if pooling == "concatenation" and rows == 2:
        np.testing.assert_allclose(batch["audio"][:, :, 80], 2 * frames + 1)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_dropped_motion_frames_show_the_identity(make_clip, share):
    batch = draw([make_clip("a", 30)], count=400, motion_dropped=share)
    same = (shown(batch["motion"]) == frame_numbers(batch["identity"])[:, None]).all(axis=1)
    assert same.mean() == pytest.approx(share, abs=0.1)


def test_noise_on_motion_frames_has_the_deviation_asked_for(make_clip):
    clip = make_clip("a", 8)
    clean, noisy = (draw([clip], 20, motion_noise=deviation) for deviation in (0.0, 0.25))
    difference = noisy["motion"] - clean["motion"]
    assert difference.std().item() == pytest.approx(0.25, rel=0.01)
    assert difference.mean().abs() < 0.002
    assert all(torch.equal(noisy[name], clean[name]) for name in clean if name != "motion")


def test_blurred_motion_frames(make_clip):
    clip, random = make_clip("a", 4), np.random.default_rng(0)
    write_video(clip["view"], random.integers(0, 256, (4, 96, 96, 3), dtype=np.uint8), crf=2, intra=True)
    sharp, soft = (draw([clip], 6, motion_blurred=on)["motion"].unflatten(1, (2, 3)) for on in (False, True))
    torch.testing.assert_close(soft, blurred(sharp.flatten(0, 1)).view_as(soft))
    assert soft.std() < 0.6 * sharp.std()


def test_a_batch_comes_from_its_generator_alone(make_clip):
    clips = [make_clip("a", 10), make_clip("b", 6)]
    disturbed = {"motion_noise": 0.1, "motion_dropped": 0.5}
    first, again, other = (draw(clips, 8, seed, **disturbed) for seed in (2, 2, 3))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["target"], other["target"])


def test_a_set_larger_than_memory_gives_the_same_batch(make_clip):
    clips = [make_clip("a", 10), make_clip("b", 6)]
    recipe = Recipe(steps=1, batch_size=1)
    held, drawn = (
        FrameData(clips, PRESET, recipe, "mean", memory=memory).batch(np.random.default_rng(2), 8)
        for memory in (2**30, 0)
    )
    assert held.keys() == drawn.keys()
    assert all(torch.equal(held[name], drawn[name]) for name in held)


def test_clips_with_fewer_than_two_faces_are_left_out(make_clip, caplog):
    clips = [make_clip("a", 5), make_clip("b", 3, missing=(0, 2)), make_clip("c", 1)]
    with caplog.at_level(logging.WARNING, logger="talkflow"):
        data = FrameData(clips, PRESET, Recipe(steps=1, batch_size=1), "mean")
    assert [clip.name for clip in data.clips] == ["a"]
    assert "are left out: b, c" in caplog.text
    assert set(frame_numbers(data.batch(np.random.default_rng(0), 40)["target"])) == set(range(5))
    with pytest.raises(InputError, match="none has 2 frames with a face"):
        FrameData(clips[1:], PRESET, Recipe(steps=1, batch_size=1), "mean")


def test_speech_that_belongs_to_other_pictures_is_refused(make_clip):
    clip = make_clip("a", 40)
    write_npy(clip["speech"], np.zeros((60, 80), np.float32))
    with pytest.raises(InputError, match="60 rows"):
        draw([clip])


def test_clips_heard_by_another_encoder_are_named(make_clip):
    clips = [make_clip("a", 5), make_clip("b", 5)]
    write_npy(clips[1]["speech"], np.zeros((10, 12), np.float32))
    with pytest.raises(InputError, match=r"b\.npy: 12 values a frame, but .*a\.npy holds 80"):
        draw(clips)
