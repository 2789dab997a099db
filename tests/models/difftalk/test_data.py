"""DiffTalk's training samples: which frames, references, windows and landmarks go together."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.difftalk.data import FaceData, LatentData, references
from models.difftalk.points import condition
from tests.small_clips import frame_numbers, with_files
from toolkit.errors import InputError


@pytest.fixture
def with_latents(make_clip, tmp_path):
    """Clips whose latents say which frame they are of: 100 the clip, plus the frame; negative where it is masked."""
    clips = [make_clip("a", 30), make_clip("b", 9, missing=(3,))]
    for number, clip in enumerate(clips):
        told = 100 * number + torch.arange(len(clip.ok), dtype=torch.float16)
        image = told[:, None, None, None].expand(-1, 2, 4, 4).contiguous()
        save_file({"image": image, "masked": -image}, tmp_path / f"{clip.name}.safetensors")
    return [with_files(clip, latents=tmp_path / f"{clip.name}.safetensors") for clip in clips]


@pytest.mark.parametrize(
    ("frames", "frame", "expected"),
    [
        (300, 0, range(60, 300)),
        (300, 150, [*range(91), *range(210, 300)]),
        (30, 15, [*range(6), *range(25, 30)]),
        (2, 0, [1]),
        (3, 1, [0, 2]),
    ],
)
def test_a_reference_is_a_minute_gap_away_or_a_third_of_a_short_clip(frames, frame, expected):
    assert references(np.arange(frames), frame).tolist() == list(expected)


@pytest.mark.parametrize("seen", [[0, 1], [4, 9, 10], [0, 2, 3, 50], list(range(5, 400, 7))])
def test_every_frame_has_a_reference_that_is_another(seen):
    for frame in seen:
        others = references(np.array(seen), frame)
        assert len(others)
        assert frame not in others


def test_an_item_is_of_one_clip_and_its_reference_of_another_frame(with_latents):
    data = LatentData(with_latents)
    batch = data.batch(np.random.default_rng(0), 64)
    image, masked, reference = (batch[name][:, 0, 0, 0] for name in ("image", "masked", "reference"))
    assert torch.equal(masked, -image)
    assert torch.equal(image // 100, reference // 100)
    assert (image != reference).all()
    assert set(image.tolist()) >= {0.0, 100.0}
    assert 103.0 not in {*image.tolist(), *reference.tolist()}, "no face is seen there"
    assert batch["image"].dtype == torch.float32
    for number, points, speech in zip(image.int().tolist(), batch["landmarks"], batch["speech"], strict=True):
        clip, frame = with_latents[number // 100], number % 100
        np.testing.assert_array_equal(points, condition(clip.points, clip.size)[frame])
        place = int(np.clip(frame - 3, 0, len(clip.ok) - 8))
        # Row r of the features is the number r: the middle of a window is its own frame's first row.
        assert speech.shape == (8, 16, 80)
        assert speech[:, 8, 0].tolist() == [2 * (place + neighbour) for neighbour in range(8)]


def test_batches_come_from_their_generator_alone(with_latents):
    first, second = (LatentData(with_latents).batch(np.random.default_rng(5), 8) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert LatentData(with_latents).speech_width == 80


def test_speech_of_another_length_is_refused(with_latents, make_clip):
    with pytest.raises(InputError, match=r"c\.npy"):
        LatentData([with_files(with_latents[0], speech=make_clip("c", 12)["speech"])])


def test_faces_are_frames_in_which_one_is_seen(make_clip):
    clip = make_clip("a", 12, missing=(0, 1, 2))
    images = FaceData([clip], 64).batch(np.random.default_rng(0), 40)["image"]
    assert images.shape == (40, 3, 64, 64)
    assert -1 <= images.min() <= images.max() <= 1
    assert set(frame_numbers(images)) == set(range(3, 12))
