"""What DiffDub is trained on."""

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from models.diffdub import window
from models.diffdub.data import RendererData, SequenceData, speech_window
from models.diffdub.presets import RendererPreset
from tests.small_clips import frame_numbers, with_files
from toolkit.errors import InputError
from toolkit.files import write_npy

SIZE = 64
PRESET = RendererPreset(size=SIZE)


def test_target_and_reference_are_two_frames_with_a_face(make_clip):
    data = RendererData([make_clip("a", 12, missing=(3, 7))], PRESET, augmented=False)
    assert len(data) == 10
    batch = data.batch(np.random.default_rng(0), 300)
    target, reference = frame_numbers(batch["target"]), frame_numbers(batch["reference"])
    seen = set(range(12)) - {3, 7}
    assert set(target) == seen
    assert set(reference) == seen
    assert (target != reference).all()


def test_mask_and_lips_are_those_of_the_target_frame(make_clip):
    clip = make_clip("a", 40)
    batch = RendererData([clip], PRESET, augmented=False).batch(np.random.default_rng(1), 4)
    for image, lips, keep in zip(batch["target"], batch["lips"], batch["keep"], strict=True):
        number = frame_numbers(image[None])[0]
        points = clip.points[number] * SIZE / 96
        assert (keep[0].numpy() == window.keep(points, SIZE)).all()
        frame = ((image.permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).numpy()
        expected = window.encoder_crop(frame, points)
        np.testing.assert_allclose(lips.permute(1, 2, 0) * 127.5 + 127.5, expected, atol=0.01)


def test_decoding_on_demand_gives_the_same_batch(make_clip):
    clips = [make_clip("a", 10), make_clip("b", 6)]
    held = RendererData(clips, PRESET, augmented=True).batch(np.random.default_rng(2), 8)
    drawn = RendererData(clips, PRESET, augmented=True, memory=0).batch(np.random.default_rng(2), 8)
    assert held.keys() == drawn.keys()
    for name in held:
        assert torch.equal(held[name], drawn[name])


def test_references_stay_within_the_clip(make_clip):
    data = RendererData([make_clip("a", 5), make_clip("b", 20, first=8 + 4 * 30)], PRESET, augmented=False)
    assert len(data) == 25
    batch = data.batch(np.random.default_rng(3), 200)
    target, reference = frame_numbers(batch["target"]), frame_numbers(batch["reference"])
    assert set(target) == {*range(5), *range(30, 50)}
    assert ((target < 5) == (reference < 5)).all()


def test_clips_with_fewer_than_two_faces_are_left_out(make_clip):
    good = make_clip("a", 5)
    assert len(RendererData([good, make_clip("b", 3, missing=(0, 2))], PRESET, augmented=False).clips) == 1
    with pytest.raises(InputError, match="2 frames"):
        RendererData([make_clip("c", 1)], PRESET, augmented=False)


def with_latents(clips, folder, latent=4):
    """The clips with latents whose values are their frames' numbers."""
    for clip in clips:
        latents = np.arange(len(clip.points), dtype=np.float32)[:, None].repeat(latent, 1)
        save_file({"lips": latents}, folder / f"{clip.name}.safetensors")
    return [with_files(clip, latents=folder / f"{clip.name}.safetensors") for clip in clips]


def test_long_clips_follow_the_published_cut(make_clip, tmp_path):
    clips = with_latents([make_clip("a", 40, missing=(20,))], tmp_path)
    data = SequenceData(clips, length=250, references=10, held_share=0.0)
    assert data.sizes == (1, 80, 4)
    batch = data.batch(np.random.default_rng(0), 6)
    assert batch["target"].shape == (6, 30, 4)
    assert batch["speech"].shape == (6, 1, 60, 80)
    target = batch["target"][:, :, 0]
    assert torch.equal(batch["references"][:, :, 0], target[:, -1:] + 1 + torch.arange(10.0))
    assert torch.equal(batch["speech"][:, 0, ::2, 0], 2 * target)
    assert torch.equal(batch["mask"], (target != 20).float())


def test_starts_are_spread_over_a_long_clip(make_clip, tmp_path):
    data = SequenceData(with_latents([make_clip("a", 60)], tmp_path), length=20, references=10, held_share=0.0)
    starts = data.batch(np.random.default_rng(0), 400)["target"][:, 0, 0]
    assert set(starts.tolist()) == set(range(31))


def test_short_clips_cycle_their_references(make_clip, tmp_path):
    data = SequenceData(with_latents([make_clip("a", 12)], tmp_path), length=250, references=10, held_share=0.0)
    batch = data.batch(np.random.default_rng(0), 1)
    assert batch["target"][0, :, 0].tolist() == list(range(12))
    assert batch["references"][0, :, 0].tolist() == list(range(10))


def test_items_of_a_batch_have_the_length_of_its_shortest_clip(make_clip, tmp_path):
    data = SequenceData(with_latents([make_clip("a", 40), make_clip("b", 8)], tmp_path), 250, 10, 0.0)
    lengths = {data.batch(np.random.default_rng(seed), 3)["target"].shape[1] for seed in range(30)}
    assert lengths == {8, 30}


def test_held_references_repeat_one_latent(make_clip, tmp_path):
    data = SequenceData(with_latents([make_clip("a", 40)], tmp_path), 250, 10, held_share=0.5)
    references = data.batch(np.random.default_rng(0), 200)["references"][:, :, 0]
    held = (references == references[:, :1]).all(dim=1)
    assert 60 < held.sum() < 140


def test_speech_that_belongs_to_other_pictures_is_refused(make_clip, tmp_path):
    (clip,) = with_latents([make_clip("a", 20)], tmp_path)
    write_npy(clip["speech"], np.zeros((46, 80), np.float32))
    with pytest.raises(InputError, match="46 rows belong neither once nor twice to each of 20 video frames"):
        SequenceData([clip], 250, 10, 0.0)


def test_one_row_a_frame_counts_twice(make_clip, tmp_path):
    (clip,) = with_latents([make_clip("a", 20)], tmp_path)
    write_npy(clip["speech"], np.arange(20, dtype=np.float32)[:, None])
    data = SequenceData([clip], 250, 10, 0.0)
    np.testing.assert_array_equal(data.speech[0][:, 0], np.arange(20).repeat(2))


def test_speech_that_ends_early_is_repeated_at_its_end():
    layered = np.arange(7 * 3 * 2, dtype=np.float32).reshape(7, 3, 2)
    part = speech_window(layered, 2, 2)
    assert part.shape == (3, 4, 2)
    assert (part[:, :3] == layered[4:7].swapaxes(0, 1)).all()
    assert (part[:, 3] == layered[6]).all()
