"""Latents of a video's clips of frames: which starts, what of each clip, and what is held of it at a time."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.moditalker import encoding
from models.moditalker.encoding import encode, encode_clip, load_autoencoder, load_latents, windows
from models.moditalker.presets import PRESETS
from tests.models.moditalker.tiny_clips import FRAMES, SIZE, TinyAutoEncoder, masked, raster, tiny_latents, video
from tests.small_clips import with_files
from toolkit.faces.face3d import Face3D, frontal, in_view, read_face3d, write_face3d
from toolkit.media.frames import read_frames


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Frames of noise and their landmarks."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, (12, 32, 32, 3), np.uint8), random.uniform(4, 28, (12, 68, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("stride", "missing", "expected"),
    [(1, [], range(9)), (3, [], [0, 3, 6]), (2, [5], [0, 6, 8]), (1, [0, 11], range(1, 8)), (1, [3, 7], [8])],
)
def test_clips_begin_at_every_few_frames_and_show_a_face_throughout(scene, stride, missing, expected):
    frames, points = scene
    table = encode_clip(tiny_latents(), frames, points, ~np.isin(np.arange(12), missing), stride)
    assert table["starts"].tolist() == list(expected)
    assert all(len(rows) == len(expected) for rows in table.values())


def test_a_row_is_its_clips(scene, monkeypatch):
    monkeypatch.setattr(encoding, "BATCH", 2)
    frames, points = scene
    table, network = encode_clip(tiny_latents(), frames, points, np.ones(12, bool), 2), TinyAutoEncoder()
    for row, start in enumerate(table["starts"].tolist()):
        shown, placed = list(frames[start : start + FRAMES]), points[start : start + FRAMES]
        videos = {
            "image": video(shown, SIZE),
            "masked": masked(shown, placed, SIZE),
            "landmarks": raster(placed, 32, SIZE),
            "reference": video([shown[0]] * FRAMES, SIZE),
        }
        for name, clip in videos.items():
            assert table[name].dtype == torch.float16
            torch.testing.assert_close(table[name][row].float(), network.encode(clip[None])[0], atol=1e-3, rtol=1e-3)


def test_a_video_that_is_too_short_has_no_rows(scene):
    frames, points = scene
    table = encode_clip(tiny_latents(), frames[:3], points[:3], np.ones(3, bool), 1)
    assert {len(rows) for rows in table.values()} == {0}


def test_no_more_frames_are_read_and_held_than_are_needed():
    read = []
    frames = (read.append(number) or number for number in range(100))
    found = windows(frames, 4, [2, 3, 10])
    assert next(found) == (2, [2, 3, 4, 5])
    assert read[-1] == 5
    assert list(found) == [(3, [3, 4, 5, 6]), (10, [10, 11, 12, 13])]
    assert read[-1] <= 14


@pytest.mark.parametrize("stages", [["rgb_autoencoder"], ["rgb_autoencoder", "rgb_autoencoder_gan"]])
def test_the_last_stage_trained_on_pictures_encodes_them(tmp_path, monkeypatch, stages):
    preset, weights = SimpleNamespace(build=TinyAutoEncoder), {}
    for number, stage in enumerate([*stages, "motion_autoencoder"]):
        monkeypatch.setitem(PRESETS, stage, {"debug": preset})
        weights[stage] = tmp_path / f"{stage}.safetensors"
        write_weights(weights[stage], {"device_of": torch.tensor(float(number))}, {})
    monkeypatch.setattr(encoding, "assembly", lambda preset: tiny_latents().assembly)
    load_autoencoder.cache_clear()
    latents = load_latents(weights, "debug", "cpu")
    assert (latents.rgb.device_of, latents.motion.device_of) == (len(stages) - 1, len(stages))
    assert not latents.rgb.device_of.requires_grad


def test_a_view_is_encoded_with_its_own_motion_brought_back(make_clip, monkeypatch, tmp_path):
    """The landmarks are those that its 3D faces give, and not those that were detected."""
    clip, random = make_clip("a", 6, size=32), np.random.default_rng(0)
    motion, mean = random.normal(size=(6, 68, 3)), random.uniform(-0.5, 0.5, (68, 3))
    turned, scale, centre = np.eye(3)[None].repeat(6, 0), np.full(6, 7.0), random.uniform(12, 20, (6, 2))
    write_face3d(tmp_path / "face3d.npz", Face3D(motion, turned, scale, centre, mean, np.zeros((6, 1)), "learned"))
    monkeypatch.setattr(encoding, "load_latents", lambda weights, preset, device: tiny_latents())
    table = encode({}, "debug", with_files(clip, face3d=tmp_path / "face3d.npz"), "cpu")
    face = read_face3d(tmp_path / "face3d.npz")
    aligned = in_view(frontal(face.motion, face.mean), scale, centre).astype(np.float32)
    wanted = encode_clip(tiny_latents(), read_frames(clip["view"]), aligned, np.ones(6, bool), 1)
    other = encode_clip(tiny_latents(), read_frames(clip["view"]), clip.points, np.ones(6, bool), 1)
    assert table["starts"].tolist() == [0, 1, 2]
    assert not torch.equal(wanted["landmarks"], other["landmarks"])
    for name in wanted:
        torch.testing.assert_close(table[name], wanted[name], atol=1e-3, rtol=0)
