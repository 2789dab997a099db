"""What MToV sees of a clip: crops, masks and rasters."""

import numpy as np
import torch

from models.moditalker.clips import CONTOUR, NOSE_BASE, masked_clip, raster, raster_clip, square, video_clip

NOSE_TIP = 30


def test_the_square_is_the_middle_of_a_frame():
    wide, high = np.arange(5)[None].repeat(3, axis=0), np.arange(6)[:, None].repeat(3, axis=1)
    assert square(wide)[0].tolist() == [1, 2, 3]
    assert square(high)[:, 0].tolist() == [1, 2, 3]


def test_frames_of_the_right_size_keep_every_level():
    frame = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, axis=-1)
    for antialiased in (True, False):
        clip = video_clip([frame, 255 - frame], 16, antialiased)
        assert clip.shape == (3, 2, 16, 16)
        torch.testing.assert_close(clip[0, 0].flatten(), torch.arange(256) / 127.5 - 1)
        torch.testing.assert_close(clip[:, 1], -clip[:, 0])


def test_what_shrinks_is_averaged_or_as_published_sampled():
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[3::4] = 255  # one row of four
    assert video_clip([frame], 2).mean() < -0.4
    assert torch.equal(video_clip([frame], 2, antialiased=False), torch.full((3, 1, 2, 2), -1.0))


def test_a_mask_starts_at_the_row_of_its_landmark():
    frames, points = [np.full((32, 32, 3), 255, np.uint8)] * 2, np.zeros((2, 68, 2))
    points[:, NOSE_BASE, 1], points[:, NOSE_TIP, 1] = (20.9, -3.0), (10.0, 40.0)
    rows = masked_clip(frames, points, 32)[0, :, :, 5]
    assert rows[0].tolist() == [1.0] * 20 + [-1.0] * 12
    assert rows[1].tolist() == [-1.0] * 32
    rows = masked_clip(frames, points, 32, row=NOSE_TIP)[0, :, :, 5]
    assert rows[0].tolist() == [1.0] * 10 + [-1.0] * 22
    assert rows[1].tolist() == [1.0] * 32


def points_at(*places: tuple[float, float], frames: int = 1) -> np.ndarray:
    """The jaw's landmarks at the first place, the others at the second."""
    points = np.empty((frames, 68, 2), np.float32)
    points[:, :CONTOUR], points[:, CONTOUR:] = places
    return points


def test_a_raster_has_a_disc_at_each_landmark():
    image = raster(points_at((10.9, 20), (50, 40)), 64)[0]
    rows, columns = np.nonzero(image)
    assert set(np.unique(image)) == {0, 255}
    assert (image[80, 40], image[160, 200]) == (255, 255)  # pixels are cut off, then scaled by 4
    assert (columns[rows < 120].min(), columns[rows < 120].max()) == (37, 43)
    without = raster(points_at((10.9, 20), (50, 40)), 64, contour=False)[0]
    assert not without[:120].any()
    assert np.array_equal(without[120:], image[120:])
    assert (raster(points_at((10.9, 20), (50, 40)), 64, radius=6) > 0).sum() > 3 * (image > 0).sum()


def test_the_jaw_tells_nothing_where_the_contour_is_left_out():
    closed, opened = points_at((30, 50), (30, 30)), points_at((30, 60), (30, 30))
    assert not torch.equal(raster_clip(closed, 64, 64), raster_clip(opened, 64, 64))
    assert torch.equal(raster_clip(closed, 64, 64, contour=False), raster_clip(opened, 64, 64, contour=False))


def test_small_rasters_show_moves_of_less_than_a_pixel():
    one, other = (raster_clip(points_at((100, 100), (x, 100)), 256, 64, contour=False) for x in (100, 101))
    assert one.shape == (3, 1, 64, 64)
    assert one.min() == -1
    middles = [float((clip[0, 0] + 1).sum(0) @ torch.arange(64.0) / (clip[0, 0] + 1).sum()) for clip in (one, other)]
    assert abs(middles[1] - middles[0] - 0.25) < 0.02
    whole = raster_clip(points_at((100, 100), (50, 100)), 256, 256)
    assert set(whole.unique().tolist()) == {-1.0, 1.0}
