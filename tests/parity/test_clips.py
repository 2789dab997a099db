"""MToV's pictures of a clip, which are stored as values alone."""

import pytest
import torch
from safetensors.torch import load_file

from models.moditalker.clips import blanked, masked_clip, raster, video_clip


@pytest.fixture
def values(folder) -> dict[str, torch.Tensor]:
    """Frames, landmarks, and what the published code makes of them."""
    return load_file(folder("moditalker/clip_assembly") / "values.safetensors")


def sampled(video: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    step = -(-video.shape[-1] // like.shape[-1])
    return video[..., ::step, ::step]


def test_a_clip_is_cropped_and_resized_as_published(values):
    made = video_clip(values["frames"].numpy(), values["landmark_video"].shape[-1], antialiased=False)
    torch.testing.assert_close(sampled(made, values["video_strided"]), values["video_strided"], rtol=0, atol=1e-6)


def test_the_mask_starts_at_the_published_row(values):
    frames, points = values["frames"].numpy(), values["landmarks_dataset"].numpy()
    size = values["landmark_video"].shape[-1]
    made = masked_clip(frames, points, size, antialiased=False)
    torch.testing.assert_close(sampled(made, values["masked_strided"]), values["masked_strided"], rtol=0, atol=1e-6)
    for frame, found, rows in zip(frames, points, values["masked_rows"], strict=True):
        assert blanked(frame, found).max(axis=(1, 2)).tolist() == rows.tolist()


def test_the_raster_is_the_published_one(values):
    points, width = values["landmarks_aligned"].numpy(), values["frames"].shape[2]
    assert torch.equal(torch.from_numpy(raster(points, width)), values["landmark_video"])
