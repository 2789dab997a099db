"""Motion of any length: exact lengths, known answers, joins that are not seen, the same motion whatever is beside it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from models.checkpoints import write_weights
from models.moditalker.atom import Conditions
from models.moditalker.motion_sampling import MotionSampler, load
from models.moditalker.presets import PRESETS, AtomPreset
from toolkit.errors import InputError

LENGTH = 12
REFERENCE = np.linspace(-1, 1, 204, dtype=np.float32).reshape(68, 3)


class Answers(nn.Module):
    """A denoiser that knows: each frame's motion is its speech, relative to the speech of the window's first frame.

    `wrong` is added to the answer, by window; conditions are the speech itself. Without conditions it answers `nothing`.
    """

    length, audio_width = LENGTH, 1

    def __init__(self, wrong: float = 0.0, nothing: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.wrong, self.nothing, self.references = wrong, nothing, []

    def conditions(self, reference: torch.Tensor, speech: torch.Tensor) -> Conditions:
        assert reference.shape == (1, 1, 204)
        assert speech.shape == (1, 2 * LENGTH, 1)
        self.references.append(reference[0, 0])
        motion = speech[:, ::2] - speech[:, :1] + self.wrong * (len(self.references) - 1)
        return Conditions(motion, motion, motion)

    def without(self, count: int) -> Conditions:
        nothing = torch.full((count, LENGTH, 1), self.nothing)
        return Conditions(nothing, nothing, nothing)

    def forward(self, x: torch.Tensor, t: torch.Tensor, conditions: Conditions) -> torch.Tensor:
        return conditions.audio.expand_as(x)


def spoken(length: int) -> np.ndarray:
    """Speech (2 length, 1, 1), small and smooth, in pairs of equal rows."""
    return 0.5 * np.sin(np.arange(length) / 3).astype(np.float32).repeat(2)[:, None, None]


def sampler(network: nn.Module, preset: AtomPreset | None = None, **options) -> MotionSampler:
    return MotionSampler(network, preset or AtomPreset(steps=5, guidance=1.0), **options)


@pytest.mark.parametrize("length", [1, 5, 12, 13, 18, 19, 40])
@pytest.mark.parametrize("name", ["ddim", "dpmsolver++"])
def test_the_known_motion_at_every_length(length, name):
    speech = spoken(length)
    found = sampler(Answers(), sampler=name).motion(REFERENCE, speech, length, "a", seed=0)
    expected = REFERENCE + (speech[::2] - speech[0])
    assert found.shape == (length, 68, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_each_window_starts_at_the_generated_frame_at_which_it_starts():
    network = Answers()
    found = sampler(network).motion(REFERENCE, spoken(25), 25, "a", seed=0)
    starts = [0, 6, 12, 18]
    np.testing.assert_allclose(torch.stack(network.references), found[starts].reshape(4, 204), atol=2e-6)


def test_windows_that_disagree_fade_into_each_other():
    """The second half of what two windows cover goes from the one to the other, its first half is as it was generated."""
    network = Answers(wrong=0.4)
    found = sampler(network).motion(np.zeros((68, 3), np.float32), np.zeros((36, 1), np.float32), 18, "a", seed=0)[
        :, 0, 0
    ]
    np.testing.assert_allclose(found[:9], 0, atol=1e-6)
    np.testing.assert_allclose(found[9:12], [0.1, 0.2, 0.3], atol=1e-6)
    np.testing.assert_allclose(found[12:], 0.4, atol=1e-6)


def test_what_was_generated_is_tied_at_every_step():
    """The network sees it, noised as far as the rest: in the last step hardly at all."""
    seen = []

    class Watching(Answers):
        def forward(self, x, t, conditions):
            seen.append((int(t[0]), x[0, :, 0].clone()))
            return super().forward(x, t, conditions)

    speech = spoken(18)
    found = sampler(Watching(), AtomPreset(steps=40, guidance=1.0)).motion(REFERENCE, speech, 18, "a", seed=0)
    t, x = seen[-1]
    assert t < 30
    before = found[6:9, 0, 0] - found[6, 0, 0]
    assert np.abs(x[:3].numpy() - before).max() < 0.2
    assert seen[40][0] == 999
    assert x.abs().max() < 1.5


def test_guidance_and_limit():
    preset = AtomPreset(steps=4, guidance=3.0, limit=None)
    speech = spoken(LENGTH)
    motion = (speech[::2] - speech[0])[:, :, 0]
    found = sampler(Answers(nothing=0.2), preset).motion(np.zeros((68, 3), np.float32), speech, LENGTH, "a", seed=0)
    np.testing.assert_allclose(found[:, 0], (0.2 + 3 * (motion - 0.2)).repeat(3, axis=1), atol=1e-5)
    limited = sampler(Answers(nothing=0.2), replace(preset, limit=0.1))
    found = limited.motion(np.zeros((68, 3), np.float32), speech, LENGTH, "a", seed=0)
    assert np.abs(found).max() == pytest.approx(0.1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Of `debug`, which have learnt nothing."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "atom.safetensors"
    write_weights(path, PRESETS["atom"]["debug"].build(3).state_dict(), {})
    return path


def test_motion_is_decided_by_seed_and_name(weights):
    speech = np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32)
    made = load(weights, "debug", steps=2, device="cpu")
    one = made.motion(REFERENCE, speech, 45, "a", seed=0)
    assert one.shape == (45, 68, 3)
    made.motion(REFERENCE, speech, 45, "b", seed=0)
    assert np.array_equal(one, made.motion(REFERENCE, speech, 45, "a", seed=0))
    for other in (("b", 0), ("a", 1)):
        assert not np.allclose(one, made.motion(REFERENCE, speech, 45, *other), atol=1e-3)


def test_blocks_are_no_longer_than_a_window_and_come_as_they_are_made(weights):
    made = load(weights, "debug", steps=2, device="cpu")
    length = 200
    blocks = made.blocks(REFERENCE, np.zeros((2 * length, 3), np.float32), length, "a", seed=0)
    sizes = [len(block) for block in blocks]
    assert sum(sizes) == length
    assert max(sizes) <= made.network.length


def test_speech_of_another_encoder_is_refused(weights):
    made = load(weights, "debug", device="cpu")
    made.prepare(np.zeros((20, 1, 3), np.float32), 10)
    with pytest.raises(InputError, match="80 values a frame, but the weights were trained on 3"):
        made.prepare(np.zeros((20, 80), np.float32), 10)
    with pytest.raises(InputError, match="neither once nor twice"):
        made.prepare(np.zeros((50, 3), np.float32), 10)


def test_weights_of_another_preset_are_refused(weights):
    with pytest.raises(InputError, match="does not fit the network"):
        load(weights, "small", device="cpu")
