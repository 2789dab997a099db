"""Landmarks to video of any length: clips of frames from noise, each blended into the next (MoDiTalker specification, section 10)."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from models.checkpoints import load_weights, read_weights
from models.diffusion import Denoiser, noise_for, sample
from models.moditalker.checkpoints import unet_width
from models.moditalker.encoding import Latents
from models.moditalker.presets import PRESETS, PlanePreset
from models.moditalker.unet import PlaneUNet
from models.pictures import to_pixels
from models.precision import autocast


class Frames(Protocol):
    """Any frame (h, w, 3) uint8 of a video by its number."""

    def __getitem__(self, number: int) -> np.ndarray: ...


class Driving(NamedTuple):
    """What a video is made of.

    frames     of the view
    points     (T, 68, 2) its own landmarks in its pixels, which say what is painted
    aligned    (L, 68, 2) the landmarks of each picture to be made, in the view's pixels
    order      (L,) the frame that stands behind each picture
    reference  the number of the frame that shows the person
    """

    frames: Frames
    points: np.ndarray
    aligned: np.ndarray
    order: np.ndarray
    reference: int = 0


class VideoSampler:
    """MToV's networks at a preset; `options` are sampler, steps, start, overlap, use_last_as_reference, clips_at_once and
    precision of the system's `sampling` block. Steps, start and overlap of None are the preset's."""

    def __init__(self, latents: Latents, unet: PlaneUNet, preset: PlanePreset, options: dict) -> None:
        self.latents, self.unet, self.preset, self.options = latents, unet, preset, options
        self.start = options["start"] or preset.start
        self.schedule = preset.sampling_schedule(options["steps"], self.start)
        self.length = latents.rgb.frames
        overlap = preset.overlap if options["overlap"] is None else options["overlap"]
        self.overlap = min(overlap, self.length // 2)  # a picture is in two clips at most

    @torch.inference_mode()
    def pictures(self, driving: Driving, name: str, seed: int) -> Iterator[np.ndarray]:
        """Yield the L pictures (size, size, 3) uint8 in order; no more is held than `clips_at_once` clips of frames.

        They do not depend on `clips_at_once`, but with `use_last_as_reference` clips are made one by one.
        """
        made = self._clips(driving, name, seed)
        for frames in blended(made, self.overlap, len(driving.aligned)):
            yield from to_pixels(frames)

    def _clips(self, driving: Driving, name: str, seed: int) -> Iterator[Tensor]:
        """Yield the clips (3, t, size, size) in order."""
        starts = clip_starts(len(driving.aligned), self.length, self.overlap)
        count = 1 if self.options["use_last_as_reference"] else self.options["clips_at_once"]
        first = reference = self.latents.reference([driving.frames[driving.reference]])
        for begin in range(0, len(starts), count):
            numbers = range(begin, min(begin + count, len(starts)))
            made = self.clips(driving, [starts[number] for number in numbers], numbers, first, reference, name, seed)
            yield from made
            if self.options["use_last_as_reference"] and numbers[-1] < len(starts) - 1:
                reference = self.latents.reference(to_pixels(made[-1:, :, -1]))

    def clips(
        self,
        driving: Driving,
        starts: Sequence[int],
        numbers: Sequence[int],
        first: Tensor,
        reference: Tensor,
        name: str,
        seed: int,
    ) -> Tensor:
        """Clips of frames (n, 3, t, size, size) in [-1, 1] that begin at the pictures `starts`; `numbers` are the clips' own.

        Sampling starts from the latent `first`, if from any, and is conditioned on `reference`, both (1, c, positions).
        """
        last = len(driving.aligned) - 1
        shown = [np.minimum(np.arange(start, start + self.length), last) for start in starts]
        needed = {int(frame): driving.frames[int(frame)] for frame in np.unique(driving.order[np.concatenate(shown)])}
        sources = [driving.order[pictures] for pictures in shown]
        masked = self.latents.masked(
            ([needed[int(frame)] for frame in frames] for frames in sources),
            (driving.points[frames] for frames in sources),
        )
        side = next(iter(needed.values())).shape[0]
        motion = self.latents.motion_of((driving.aligned[pictures] for pictures in shown), side)
        made = self.sample(motion, masked, first, reference, numbers, name, seed)
        return self.latents.decode(made)

    def sample(
        self,
        motion: Tensor,
        masked: Tensor,
        first: Tensor,
        reference: Tensor,
        numbers: Sequence[int],
        name: str,
        seed: int,
    ) -> Tensor:
        """Latents (n, c, positions) of the clips with these numbers; all arguments as `clips` has them."""

        def noise(step: str) -> Tensor:
            indices = numbers if self.preset.noise == "fresh" else [0]
            parts = [noise_for(seed, f"{name} {step}", index, motion.shape[1:]) for index in indices]
            return torch.stack(parts).to(motion.device).expand_as(motion)

        reference, x = reference.expand_as(motion), noise("start")
        if self.start == "reference":
            whole = self.preset.training_schedule()
            position = torch.full((len(x),), int(len(whole) * self.preset.ratio))
            x = whole.noisy(first.expand_as(x), x, position)
        sampler = self.options["sampler"]
        options = {"eta": self.preset.eta, "step_noise": lambda position: noise(f"step {position}")}
        with autocast(self.unet, self.options["precision"]):
            prepared = self.unet.prepare(motion, masked, reference)
            denoiser = Denoiser(
                lambda x, t: self.unet.denoise(x, t, prepared),
                self.preset.prediction,
                base=reference,
                recompute_noise=False,  # as published
            )
            return sample(sampler, denoiser, x, self.schedule, **(options if sampler == "ddim" else {}))


def clip_starts(length: int, frames: int, overlap: int) -> list[int]:
    """The pictures at which clips of `frames` begin so that `length` pictures are covered, neighbours sharing `overlap`."""
    return [0, *range(frames - overlap, length - overlap, frames - overlap)]


def blended(clips: Iterable[Tensor], overlap: int, length: int) -> Iterator[Tensor]:
    """Yield the pictures (n, 3, h, w) of clips (3, t, h, w) in order, `length` in all: those that two clips share pass
    from the one to the other in even steps."""
    share = torch.arange(1, overlap + 1) / (overlap + 1)
    left, tail = length, None
    for clip in clips:
        pictures = clip.movedim(1, 0)
        if tail is not None:
            weight = share.to(clip.device)[:, None, None, None]
            pictures = torch.cat([tail + weight * (pictures[:overlap] - tail), pictures[overlap:]])
        whole = pictures[: len(pictures) - overlap]
        tail = pictures[len(pictures) - overlap :]
        yield whole[:left]
        left -= min(len(whole), left)
    if left:
        yield tail[:left]


def load_unet(path: Path, preset: str, device: str | torch.device) -> PlaneUNet:
    """The UNet of a preset with weights from a file, for inference; published files are of either width."""
    tensors = read_weights(path)
    network = PRESETS["mtov"][preset].build(unet_width(tensors) if preset == "published" else None)
    load_weights(network, tensors, path)
    return network.to(device).eval().requires_grad_(False)
