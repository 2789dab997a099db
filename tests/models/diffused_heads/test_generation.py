"""Frame after frame with toy networks that show what they are given."""

import weakref

import pytest
import torch

from models.diffused_heads.generation import FrameSampler, generate
from models.diffusion import SAMPLERS, cosine_schedule, generator_for, rounded, trailing

AT_ONCE = FrameSampler(rounded(cosine_schedule(), 1), prediction="start")  # a frame is what the network answers
ID = -0.5  # the grey of the identity frame
SHAPE = (3, 4, 4)


def no_noise(frame: int, running: int):
    return lambda: torch.zeros(running, *SHAPE)


def numbered(frame: int, running: int) -> torch.Tensor:
    """Speech that says the frame's number."""
    return torch.full((running, 5, 2), frame / 100)


def level(images: torch.Tensor) -> list[float]:
    """What each channel of the first picture shows, where it is even."""
    return [round(channel.unique().item(), 3) for channel in images[0]]


def motion_seen(length: int, motion_frames: int = 2, **options) -> list[list[float]]:
    """The motion frames of each frame; frame k is drawn in the even grey k / 100, the identity is -0.5."""
    seen = []

    def network(x, t, identity, motion, audio):
        seen.append(level(motion)[:: options.get("motion_channels", 3)])
        return audio[:, 0, 0, None, None, None].expand_as(x)

    identity = torch.full((1, *SHAPE), ID)
    frames = list(
        generate(network, AT_ONCE, identity, numbered, no_noise, [length], motion_frames=motion_frames, **options)
    )
    assert [level(frame)[0] for frame in frames] == [k / 100 for k in range(length)]
    return seen


def test_motion_frames_are_those_made_before_oldest_first():
    assert motion_seen(4) == [[ID, ID], [ID, 0], [0, 0.01], [0.01, 0.02]]
    assert motion_seen(3, motion_frames=1) == [[ID], [0], [0.01]]
    assert motion_seen(4, motion_frames=3) == [[ID, ID, ID], [ID, ID, 0], [ID, 0, 0.01], [0, 0.01, 0.02]]


def test_stabilising_puts_the_identity_in_the_oldest_place_now_and_then():
    wanted = [[ID, ID], [ID, 0], [0, 0.01], [ID, 0.02], [0.02, 0.03], [0.03, 0.04], [ID, 0.05], [0.05, 0.06]]
    assert motion_seen(8, stabilise=3) == wanted
    assert motion_seen(3, stabilise=1) == [[ID, ID], [ID, 0], [ID, 0.01]]


def test_grey_motion_frames():
    """A grey picture of grey is a ten-thousandth darker: the weights are published so."""
    grey = motion_seen(2, motion_channels=1)
    assert grey[1] == [pytest.approx(ID * 0.9999, abs=1e-3), 0]
    seen = []

    def network(x, t, identity, motion, audio):
        seen.append(motion)
        return torch.tensor([1.0, 0, -1])[:, None, None].expand_as(x)

    list(
        generate(network, AT_ONCE, torch.zeros(1, *SHAPE), numbered, no_noise, [2], motion_frames=1, motion_channels=1)
    )
    assert [motion.shape for motion in seen] == [(1, 1, 4, 4)] * 2
    assert seen[1].unique().item() == pytest.approx(0.2989 - 0.114)


def test_speech_and_noise_are_asked_for_the_clips_that_last():
    asked, heard = [], []

    def speech(frame, running):
        asked.append((frame, running))
        return numbered(frame, running) + torch.arange(running)[:, None, None]

    def network(x, t, identity, motion, audio):
        heard.append(audio)
        assert len(x) == len(identity) == len(motion) == len(audio)
        return x

    frames = list(generate(network, AT_ONCE, torch.zeros(3, *SHAPE), speech, no_noise, [4, 2, 1]))
    assert asked == [(0, 3), (1, 2), (2, 1), (3, 1)]
    assert [len(frame) for frame in frames] == [3, 2, 1, 1]
    assert [audio[:, 0, 0].tolist() for audio in heard[:2]] == [[0, 1, 2], pytest.approx([0.01, 1.01])]


def test_no_clips_no_frames():
    assert list(generate(None, AT_ONCE, torch.zeros(0, *SHAPE), numbered, no_noise, [])) == []


def toy(x, t, identity, motion, audio):
    """A network without sums over pixels, whose answer hangs on everything; its half for the variance too."""
    older, newer = motion.chunk(2, dim=1)
    hidden = x + 0.7 * identity + 0.3 * older - 0.9 * newer + audio.mean(dim=(1, 2))[:, None, None, None]
    return torch.cat([(hidden + t[:, None, None, None] / 1000).sin(), hidden.cos()], dim=1)


def clips(names: str, frame_sampler: FrameSampler, lengths: list[int]) -> dict[str, torch.Tensor]:
    """The frames of clips that differ in identity, speech and noise, drawn side by side."""

    def noise(frame, running):
        generators = [generator_for(0, name, frame) for name in names[:running]]
        return lambda: torch.stack([torch.randn(SHAPE, generator=own) for own in generators])

    def speech(frame, running):
        return torch.stack([torch.full((5, 2), frame / 10 + ord(name)) for name in names[:running]])

    identity = torch.stack([torch.randn(SHAPE, generator=generator_for(1, name, 0)) for name in names])
    made = {name: [] for name in names}
    for images in generate(toy, frame_sampler, identity, speech, noise, lengths):
        for name, image in zip(names[: len(images)], images, strict=True):
            made[name].append(image)
    return {name: torch.stack(images) for name, images in made.items()}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("prediction", ["noise", "residual_start"])
def test_clips_side_by_side_are_those_drawn_alone_bit_for_bit(sampler, prediction):
    frame_sampler = FrameSampler(trailing(cosine_schedule(), 5), sampler, prediction)
    lengths = {"a": 6, "b": 4, "c": 4, "d": 1}
    together = clips("abcd", frame_sampler, list(lengths.values()))
    for name, length in lengths.items():
        (alone,) = clips(name, frame_sampler, [length]).values()
        assert len(alone) == length
        assert alone.isfinite().all()
        assert torch.equal(alone, together[name])
    assert not torch.equal(together["b"], together["c"])


@pytest.mark.parametrize(("sampler", "calls"), [(name, 7 if name == "ancestral" else 1) for name in SAMPLERS])
def test_only_ancestral_sampling_takes_noise_again(sampler, calls):
    """x_T, and the noise of every step but the last; the other samplers take x_T alone."""
    drawn = []

    def noise(frame, running):
        def draw():
            drawn.append(frame)
            return torch.randn(running, *SHAPE, generator=torch.Generator().manual_seed(len(drawn)))

        return draw

    frame_sampler = FrameSampler(trailing(cosine_schedule(), 7), sampler)
    list(generate(toy, frame_sampler, torch.zeros(1, *SHAPE), numbered, noise, [3]))
    assert drawn == [0] * calls + [1] * calls + [2] * calls


def test_the_first_noise_is_where_a_frame_begins():
    noise = iter([torch.full((1, *SHAPE), float(value)) for value in range(3)])
    seen = []

    def network(x, t):
        seen.append(x)
        return torch.zeros_like(x)

    FrameSampler(rounded(cosine_schedule(), 3)).frame(network, lambda: next(noise), torch.zeros(1, *SHAPE))
    assert not seen[0].any()
    assert next(noise, None) is None


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "ancestral"])
def test_few_step_samplers_leave_the_learnt_variance(sampler):
    frame_sampler = FrameSampler(trailing(cosine_schedule(), 4), sampler)

    def draw(variance: float) -> torch.Tensor:
        def network(x, t):
            return torch.cat([x.sin(), torch.full_like(x, variance)], dim=1)

        noise = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(0))
        return frame_sampler.frame(network, lambda: noise, torch.zeros(1, *SHAPE))

    assert torch.equal(draw(-1), draw(5))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_residual_is_the_identity_frame(sampler):
    identity = torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(0))
    frame_sampler = FrameSampler(trailing(cosine_schedule(), 4), sampler, "residual_start")
    image = frame_sampler.frame(lambda x, t: torch.zeros_like(x), lambda: torch.ones(2, *SHAPE), identity)
    torch.testing.assert_close(image, identity, rtol=0, atol=1e-5)


def test_frames_are_held_no_longer_than_they_are_seen():
    """A clip of any length: only the motion frames and the one at hand are there."""
    alive, most = weakref.WeakSet(), 0
    for image in generate(toy, AT_ONCE, torch.zeros(1, *SHAPE), numbered, no_noise, [40]):
        alive.add(image)
        del image
        most = max(most, len(alive))
    assert most <= 3


def test_sampling_needs_no_gradients_and_leaves_the_callers_mode():
    network = torch.nn.Conv2d(3, 3, 1)
    frames = generate(lambda x, t, *others: network(x), AT_ONCE, torch.zeros(1, *SHAPE), numbered, no_noise, [2])
    for frame in frames:
        assert not frame.requires_grad
        assert torch.is_grad_enabled()
