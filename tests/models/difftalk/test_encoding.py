"""The latents of a clip: a row a frame, of the frame and of it blacked out below the nose."""

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.difftalk import encoding
from models.difftalk.encoding import encode, load_first_stage
from models.difftalk.masks import blacked_out, resized
from models.difftalk.presets import PRESETS
from models.pictures import to_tensor
from toolkit.media.frames import read_frames


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "first_stage.safetensors"
    write_weights(path, PRESETS["first_stage"]["debug"].build().state_dict(), {})
    return {"first_stage": path}


def test_each_frame_has_its_latents_and_those_of_it_blacked_out(make_clip, weights, monkeypatch):
    clip, size = make_clip("a", 7), PRESETS["first_stage"]["debug"].size
    monkeypatch.setattr(encoding, "BATCH", 3)
    latents = encode(weights, "debug", clip, "cpu")
    network = load_first_stage(weights["first_stage"], "debug", "cpu")
    frames = [resized(frame, size) for frame in read_frames(clip["view"])]
    black = [blacked_out(frame, points, clip.size, 30) for frame, points in zip(frames, clip.points, strict=True)]
    for name, pictures in (("image", frames), ("masked", black)):
        expected = network.encode(to_tensor(np.stack(pictures)))
        assert latents[name].dtype == torch.float16
        assert latents[name].is_contiguous()
        torch.testing.assert_close(latents[name].float(), expected, rtol=2e-3, atol=1e-3)
