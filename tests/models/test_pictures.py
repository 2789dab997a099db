"""Pictures as training reads them, and as tensors."""

import numpy as np
import pytest
import torch

from models.pictures import Pictures, fitted, to_pixels, to_tensor
from tests.small_clips import with_files
from toolkit.faces.crop import resize
from toolkit.media.frames import read_frames


def test_every_level_comes_back():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    images = to_tensor(levels)
    assert images.shape == (1, 3, 16, 16)
    assert images.dtype == torch.float32
    assert (images.min().item(), images.max().item()) == (-1, 1)
    assert np.array_equal(to_pixels(images), levels)


def test_channels_keep_their_order():
    picture = np.zeros((1, 2, 3, 3), np.uint8)
    picture[0, 1, 2] = [255, 0, 51]
    image = to_tensor(picture)[0, :, 1, 2]
    torch.testing.assert_close(image, torch.tensor([1, -1, -0.6]))
    assert to_pixels(to_tensor(picture))[0, 1, 2].tolist() == [255, 0, 51]


@pytest.mark.parametrize(("value", "level"), [(-3, 0), (5, 255), (0, 128), (0.0035, 128), (0.0045, 128), (0.012, 129)])
def test_values_are_rounded_and_held_within_the_levels(value, level):
    assert to_pixels(torch.full((1, 3, 1, 1), value)).tolist() == [[[[level] * 3]]]


def test_half_precision_is_rounded_in_single():
    """127.5 (x + 1) has no bfloat16 for most levels above 128."""
    levels = torch.arange(256).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    images = (levels / 127.5 - 1).bfloat16()
    wanted = (127.5 * (images.double() + 1)).round()
    assert np.array_equal(to_pixels(images), wanted.permute(0, 2, 3, 1).numpy().astype(np.uint8))


def test_fitted_pictures_of_the_right_size_are_left_alone():
    images = torch.rand(2, 3, 8, 8)
    assert fitted(images, 8) is images


@pytest.mark.parametrize("shape", [(64, 64), (48, 80), (5, 9)])
def test_fitted_keeps_no_aspect_and_the_brightness(shape):
    rows = torch.linspace(-1, 1, shape[0])[:, None].expand(shape)
    images = fitted(rows.expand(1, 3, *shape), 16)
    assert images.shape == (1, 3, 16, 16)
    assert images.mean().abs() < 1e-5
    assert (images[0, 0, 1:-1, 0].diff() > 0).all()
    torch.testing.assert_close(images, images[..., :1].expand_as(images))


def test_shrinking_overlooks_no_pixel():
    """Without antialiasing only two in eight would be seen."""
    dots = torch.eye(64).view(64, 1, 8, 8).repeat(1, 1, 8, 8)  # one of each 8 x 8 pixels
    seen = fitted(dots, 8)[..., 1:-1, 1:-1]
    torch.testing.assert_close(seen, torch.full_like(seen, 1 / 64), rtol=0.05, atol=0)


@pytest.fixture
def clips(make_clip):
    return [make_clip("a", 6), make_clip("b", 4, first=100)]


@pytest.mark.parametrize("memory", [10 * 32 * 32 * 3, 10 * 32 * 32 * 3 - 1], ids=["kept", "drawn"])
def test_frames_are_those_asked_for_in_any_order(clips, memory):
    pictures = Pictures(clips, 32, resize, memory)
    assert (pictures.kept is None) == (memory < 10 * 32 * 32 * 3)
    for clip, numbers in ((0, [5, 0, 0, 3]), (1, [2])):
        whole = np.stack([resize(frame, 32) for frame in read_frames(clips[clip]["view"])])
        found = pictures.frames(clip, np.array(numbers))
        assert found.dtype == np.uint8
        assert np.array_equal(found, whole[numbers])


def test_a_large_set_is_decoded_only_as_it_is_drawn(clips, tmp_path):
    missing = with_files(clips[1], view=tmp_path / "not there.mp4")
    pictures = Pictures([clips[0], missing], 32, resize, memory=0)
    assert len(pictures.frames(0, [1])) == 1
    with pytest.raises(Exception, match="not there"):
        pictures.frames(1, [0])
