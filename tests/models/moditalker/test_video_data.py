"""Training clips of MToV's auto-encoders: consecutive frames, every start, and the same frames' landmarks."""

from functools import partial

import numpy as np
import pytest
import torch

from models.moditalker.clips import raster_clip
from models.moditalker.video_data import RasterData, VideoData
from tests.small_clips import frame_numbers
from toolkit.errors import InputError


def test_frames_follow_each_other_from_any_start(make_clip):
    clips = [make_clip("a", 9), make_clip("b", 6, first=100), make_clip("c", 3)]
    video = VideoData(clips, 32, 4).batch(np.random.default_rng(0), 60)["video"]
    assert video.shape == (60, 3, 4, 32, 32)
    numbers = np.stack([frame_numbers(item.movedim(1, 0)) for item in video])
    assert (np.diff(numbers, axis=1) == 1).all()
    assert set(numbers[:, 0]) == {*range(6), *range(23, 26)}, "b's frames are 23 levels brighter, c is too short"


def test_rasters_are_of_the_same_frames(make_clip):
    clips = [make_clip("a", 9), make_clip("b", 6)]
    for contour in (True, False):
        made = RasterData(clips, 32, 4, partial(raster_clip, contour=contour)).batch(np.random.default_rng(3), 5)[
            "video"
        ]
        random, starts = np.random.default_rng(3), [("a", n) for n in range(6)] + [("b", n) for n in range(3)]
        for item, number in zip(made, random.integers(9, size=5), strict=True):
            name, first = starts[number]
            clip = clips["ab".index(name)]
            assert torch.equal(item, raster_clip(clip.points[first : first + 4], clip.size, 32, contour=contour))


def test_batches_come_from_their_generator_alone(make_clip):
    data = VideoData([make_clip("a", 9)], 32, 4)
    one, other = (data.batch(np.random.default_rng(5), 3)["video"] for _ in range(2))
    assert torch.equal(one, other)


def test_clips_that_are_all_too_short_are_refused(make_clip):
    with pytest.raises(InputError, match="none has 16 frames"):
        VideoData([make_clip("a", 9)], 32, 16)
