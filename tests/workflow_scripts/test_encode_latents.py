"""Latents of clips: a file each, all at once or none, and what a killed run had finished is not made again."""

import pytest
import torch
from safetensors.torch import load_file

from models.checkpoints import write_weights
from models.difftalk import encoding
from models.difftalk.presets import PRESETS
from tests.small_clips import small_clip
from workflow_scripts.encode_latents import encode_latents


@pytest.fixture
def settings(tmp_path) -> dict:
    torch.manual_seed(0)
    path = tmp_path / "first_stage.safetensors"
    write_weights(path, PRESETS["first_stage"]["debug"].build().state_dict(), {})
    return {"system": "difftalk", "preset": "debug", "weights": {"first_stage": path}}


@pytest.fixture
def clips(tmp_path):
    return [small_clip(tmp_path, name, frames) for name, frames in (("a", 3), ("b", 5), ("c", 4))]


@pytest.fixture
def encoded(monkeypatch) -> list[str]:
    """Names of the clips that have been encoded; `b` fails the first time."""
    names, encode = [], encoding.encode

    def watched(weights, preset, clip, device):
        names.append(clip.name)
        if names.count("b") == 1 and clip.name == "b":
            raise OSError("killed")
        return encode(weights, preset, clip, device)

    monkeypatch.setattr(encoding, "encode", watched)
    return names


def test_what_was_finished_is_not_encoded_again(clips, settings, encoded, tmp_path):
    folder = tmp_path / "latents/difftalk"
    with pytest.raises(OSError, match="killed"):
        encode_latents(clips, folder, **settings)
    assert not folder.exists()
    (folder.with_name(".difftalk") / "old.safetensors").touch()
    encode_latents(clips, folder, **settings)
    assert encoded == ["a", "b", "b", "c"]
    assert {path.name for path in folder.glob("*.safetensors")} == {"a.safetensors", "b.safetensors", "c.safetensors"}
    assert not folder.with_name(".difftalk").exists()
    assert [len(load_file(folder / f"{clip.name}.safetensors")["image"]) for clip in clips] == [3, 5, 4]


def test_of_other_weights_everything_is_encoded_again(clips, settings, encoded, tmp_path):
    folder = tmp_path / "latents/difftalk"
    with pytest.raises(OSError, match="killed"):
        encode_latents(clips, folder, **settings)
    torch.manual_seed(1)
    write_weights(settings["weights"]["first_stage"], PRESETS["first_stage"]["debug"].build().state_dict(), {})
    encode_latents(clips, folder, **settings)
    assert encoded == ["a", "b", "a", "b", "c"]
