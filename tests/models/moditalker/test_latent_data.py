"""MToV's training samples: which rows of which video go together."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.moditalker.latent_data import ClipLatents
from models.system import Clip
from toolkit.errors import InputError


@pytest.fixture
def clips(tmp_path) -> list[Clip]:
    """Videos whose rows say what they are of: 100 the video, plus the row, plus a fraction for what of it."""
    found = []
    for number, rows in enumerate((7, 0, 3)):
        place = 100 * number + torch.arange(rows, dtype=torch.float32)
        parts = enumerate(("image", "masked", "landmarks", "reference"))
        table = {name: (place + part / 4).half()[:, None, None].expand(-1, 2, 8).contiguous() for part, name in parts}
        path = tmp_path / f"{number}.safetensors"
        save_file(table | {"starts": 4 * torch.arange(rows)}, path)
        found.append(Clip(str(number), {"latents": path}))
    return found


@pytest.mark.parametrize("reference", ["own", "any"])
def test_an_item_is_of_one_row_and_its_reference_of_its_video(clips, reference):
    batch = ClipLatents(clips, reference).batch(np.random.default_rng(0), 200)
    image, masked, landmarks, shown = (batch[name][:, 0, 0] for name in ("image", "masked", "landmarks", "reference"))
    assert batch["image"].shape == (200, 2, 8)
    assert batch["image"].dtype == torch.float32
    assert sorted(set(image.tolist())) == [*range(7), 200, 201, 202]
    assert torch.equal(masked, image + 0.25)
    assert torch.equal(landmarks, image + 0.5)
    assert torch.equal(shown // 100, image // 100)
    assert torch.equal(shown, image + 0.75) == (reference == "own")
    pairs = {pair for pair in zip(image.tolist(), shown.tolist(), strict=True) if pair[0] >= 200}
    assert len(pairs) == (3 if reference == "own" else 9)


def test_batches_come_from_their_generator_alone(clips):
    first, second = (ClipLatents(clips, "any").batch(np.random.default_rng(5), 8) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_videos_without_rows_are_left_out_and_named(clips, caplog):
    assert [clip.name for clip in ClipLatents(clips).clips] == ["0", "2"]
    assert "left out: 1" in caplog.text
    with pytest.raises(InputError, match="none shows a face for long enough"):
        ClipLatents(clips[1:2])
