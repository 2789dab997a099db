from pathlib import Path

import pytest

from models.system import clips_from, weights_from


def test_clips_carry_the_files_of_a_rules_named_inputs(tmp_path):
    (tmp_path / "latents").mkdir()
    inputs = {
        "view": ["v/a.mp4", "v/b.mp4"],
        "transform": ["v/a.npz", "v/b.npz"],
        "depth": ["d/a.npz", "d/b.npz"],
        "speech": [],
        "latents": str(tmp_path / "latents"),
        "weights": ["m/one.safetensors"],
        "initial": ["start.safetensors"],
    }
    clips = clips_from(inputs)
    assert [clip.name for clip in clips] == ["a", "b"]
    assert clips[1].files == {
        "view": Path("v/b.mp4"),
        "transform": Path("v/b.npz"),
        "depth": Path("d/b.npz"),
        "latents": tmp_path / "latents/b.safetensors",
    }
    expected = {"one": Path("m/one.safetensors"), "initial": Path("start.safetensors")}
    assert weights_from(inputs) == expected


def test_one_file_of_each_kind_is_one_clip():
    [clip] = clips_from({"view": "v/a.mp4", "transform": "v/a.npz", "audio": "s/b.wav", "weights": []})
    assert (clip.name, clip["audio"]) == ("a", Path("s/b.wav"))


def test_a_missing_kind_names_those_that_are_there():
    [clip] = clips_from({"view": "a.mp4", "transform": "a.npz"})
    with pytest.raises(KeyError, match="clip a has no file of kind 'face3d', only transform, view"):
        clip["face3d"]


def test_kinds_of_unequal_length_are_no_clips():
    with pytest.raises(ValueError, match="zip"):
        clips_from({"view": ["a.mp4", "b.mp4"], "transform": ["a.npz"]})
