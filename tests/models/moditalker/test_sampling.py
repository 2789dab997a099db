"""MoDiTalker's sampler in the workflow's terms: whole videos from the files of a pair, refusals, the frame that is shown."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints import write_weights
from models.moditalker import SYSTEM
from models.moditalker.presets import PRESETS
from models.moditalker.sampling import MoDiTalker, load
from models.system import Clip, Request
from tests.heads import head
from toolkit.errors import InputError
from toolkit.files import write_npz
from toolkit.media.writer import write_video
from workflow_scripts.learn_face3d_model import learn_face3d_model
from workflow_scripts.reconstruct_face3d import reconstruct_face3d

FRAMES, LENGTH = 10, 13
OPTIONS = {
    "reference_frame": None,
    "sampler": "ddim",
    "steps": 2,
    "start": None,
    "overlap": None,
    "use_last_as_reference": False,
    "beyond": "ping_pong",
    "clips_at_once": 4,
    "precision": "float32",
}


@pytest.fixture
def clip(tmp_path) -> Clip:
    """Ten frames of noise in which a head is said to be, and landmarks for thirteen pictures."""
    transform, model, face3d = (tmp_path / name for name in ("a.npz", "model.npz", "face3d.npz"))
    points = head(0, frames=FRAMES).points
    write_npz(transform, square=np.array([0, 0, 256]), size=np.array(256), points=points, ok=np.arange(FRAMES) > 2)
    learn_face3d_model([transform], model, tmp_path / "model.json")
    reconstruct_face3d(transform, face3d, tmp_path / "face3d.json", model="learned", sources=[model])
    noise = np.random.default_rng(0).integers(0, 256, (FRAMES, 16, 16, 3), dtype=np.uint8).repeat(16, 1).repeat(16, 2)
    write_video(tmp_path / "a.mp4", noise, intra=True)
    write_npz(tmp_path / "motion.npz", points=points[np.arange(LENGTH) % FRAMES])
    files = {"transform": transform, "face3d": face3d, "view": tmp_path / "a.mp4", "motion": tmp_path / "motion.npz"}
    return Clip("a", files)


@pytest.fixture
def weights(tmp_path) -> dict[str, Path]:
    """Of every stage that pictures are made with, as they are before any training."""
    torch.manual_seed(0)
    paths = {}
    for stage in ("rgb_autoencoder_gan", "motion_autoencoder", "mtov"):
        paths[stage] = tmp_path / f"{stage}.safetensors"
        network = PRESETS[stage]["debug"].build()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
        write_weights(paths[stage], network.state_dict(), {})
    return paths


@pytest.fixture
def sampler(weights):
    def build(**options) -> MoDiTalker:
        return load(weights, "debug", OPTIONS | options, "cpu")

    return build


def sampled(sampler: MoDiTalker, clip: Clip, seed: int = 0) -> np.ndarray:
    [*made] = sampler.sample([Request(clip, None, LENGTH)], seed)
    assert {number for number, _ in made} == {0}
    return np.stack([picture.rgb for _, picture in made])


def test_a_pair_has_a_picture_for_every_frame_of_its_speech(sampler, clip):
    made = sampled(sampler(), clip)
    assert made.shape == (LENGTH, 64, 64, 3)
    assert made.dtype == np.uint8
    one_by_one = sampled(sampler(clips_at_once=1), clip)
    assert np.abs(one_by_one.astype(int) - made).max() <= 2  # rounding


def test_landmarks_and_reference_decide_the_pictures(sampler, clip):
    made = sampled(sampler(), clip)
    assert np.array_equal(sampled(sampler(reference_frame=3), clip), made)  # the first with a face
    assert not np.array_equal(sampled(sampler(reference_frame=99), clip), made)
    with np.load(clip["motion"]) as arrays:
        points = arrays["points"]
    points[:, 48:] += [0, 9]
    write_npz(clip["motion"], points=points)
    assert not np.array_equal(sampled(sampler(), clip), made)


def test_a_motion_of_another_length_is_refused(sampler, clip):
    sampler().prepare(Request(clip, None, LENGTH))
    with pytest.raises(InputError, match=r"motion\.npz: is a motion of 13 frames, and the speech has 12"):
        sampler().prepare(Request(clip, None, LENGTH - 1))


def test_the_planes_of_all_networks_of_a_preset_are_alike():
    for preset in PRESETS["mtov"]:
        with torch.device("meta"):
            pictures = PRESETS["rgb_autoencoder"][preset].build()
            unet = PRESETS["mtov"][preset].build()
        side, frames = pictures.size // pictures.patch, pictures.frames
        assert unet.planes == ((side, side), (frames, side), (frames, side))
        assert unet.out[2].out_channels == pictures.pre_xy.out_channels, preset


def test_what_is_painted_lies_below_the_nose(clip):
    mask = SYSTEM.mask(clip.points[0], 256, {"paste": "face"})
    assert mask[: int(clip.points[0][27, 1])].max() == 0
    assert mask[int(clip.points[0][62, 1]), int(clip.points[0][62, 0])] == 1
