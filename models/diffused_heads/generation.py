"""Frame after frame: each is a whole diffusion that sees the frames made before it (Diffused Heads specification, section 7)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.diffused_heads.conditioning import motion_picture
from models.diffusion import Denoiser, Schedule, sample

Network = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]  # UNet.forward


@dataclass(frozen=True)
class FrameSampler:
    """How a frame is sampled.

    schedule    its steps
    sampler     one of `models.diffusion.SAMPLERS`; "ancestral" is published
    prediction  the network's; the base of "residual_start" is the identity frame
    """

    schedule: Schedule
    sampler: str = "ancestral"
    prediction: str = "noise"

    def frame(
        self, network: Callable[[Tensor, Tensor], Tensor], noise: Callable[[], Tensor], identity: Tensor
    ) -> Tensor:
        """One frame of each clip, (n, 3, h, w) in [-1, 1]; every call of `noise` gives the next (n, 3, h, w)."""
        base = identity if self.prediction == "residual_start" else None
        denoiser = Denoiser(network, self.prediction, base)
        return sample(self.sampler, denoiser, noise(), self.schedule, step_noise=lambda position: noise())


@torch.no_grad()
def generate(
    network: Network,
    frame_sampler: FrameSampler,
    identity: Tensor,
    speech: Callable[[int, int], Tensor],
    noise: Callable[[int, int], Callable[[], Tensor]],
    lengths: Sequence[int],
    *,
    motion_frames: int = 2,
    motion_channels: int = 3,
    stabilise: int | None = None,
) -> Iterator[Tensor]:
    """Yield the clips' next frames (m, 3, h, w) in [-1, 1], m of them while m clips last; `lengths` do not rise.

    identity (n, 3, h, w); `speech(frame, m)` are the embeddings (m, window, width) around a frame, `noise(frame, m)` the
    source of its noise. No clip knows of the others. `stabilise` L puts the identity frame in the place of the oldest
    motion frame before every L-th frame, which holds back drift in long clips.
    """
    seen = motion_picture(identity, motion_channels)
    motion = [seen] * motion_frames
    for frame in range(lengths[0] if lengths else 0):
        running = sum(length > frame for length in lengths)
        identity, seen, *motion = (images[:running] for images in (identity, seen, *motion))
        if stabilise and frame and frame % stabilise == 0:
            motion[0] = seen
        audio, before = speech(frame, running), torch.cat(motion, dim=1)
        image = frame_sampler.frame(
            lambda x, t: network(x, t, identity, before, audio),  # noqa: B023 - called before the loop goes on
            noise(frame, running),
            identity,
        )
        yield image
        motion = [*motion[1:], motion_picture(image, motion_channels)]
