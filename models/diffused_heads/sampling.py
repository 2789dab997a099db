"""Talking heads from one picture and speech, many clips side by side (Diffused Heads specification, section 7)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoints import load_weights, read_weights
from models.diffused_heads.checkpoints import HEAD_WIDTH, check_fit, describe
from models.diffused_heads.conditioning import REACH, speech_numbers
from models.diffused_heads.generation import FrameSampler, generate
from models.diffused_heads.presets import PRESETS
from models.diffused_heads.speech import Embeddings, embeddings
from models.diffused_heads.unet import UNet
from models.diffusion import generator_for
from models.pictures import fitted, to_pixels, to_tensor
from models.precision import autocast
from models.speech.rows import check_shape
from models.system import Clip, Picture, Request
from toolkit import devices
from toolkit.errors import InputError
from toolkit.log import logger
from toolkit.media.frames import FrameReader

LONG = 225  # frames, 9 s: as far as the authors saw quality hold


class DiffusedHeads:
    """The network at a preset; `options` is the system's `sampling` block of the configuration."""

    def __init__(self, network: UNet, preset: str, options: dict) -> None:
        self.network, self.options = network, options
        self.preset = PRESETS["unet"][preset]
        schedule = self.preset.schedule(options["steps"] or self.preset.steps)
        self.frame_sampler = FrameSampler(schedule, options["sampler"] or self.preset.sampler, self.preset.prediction)

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def prepare(self, request: Request) -> None:
        """Refuse speech that the network was not trained on."""
        self.speech(request)
        if not self.options["stabilise"] and request.length > LONG:
            logger.warning(
                "%s: %d frames; beyond %d Diffused Heads drifts, `stabilise: 15` holds it back",
                request.clip.name,
                request.length,
                LONG,
            )

    def sample(self, requests: Sequence[Request], seed: int) -> Iterator[tuple[int, Picture]]:
        """Yield (number of the request, picture (size, size, 3)), a frame of every clip that still lasts, then the next of
        each. All noise comes from `seed`, the clip's name and the frame's number.
        """
        order = sorted(range(len(requests)), key=lambda number: -requests[number].length)
        sorted_requests = [requests[number] for number in order]
        speech = [self.speech(request) for request in sorted_requests]
        images = generate(
            self.call,
            self.frame_sampler,
            torch.cat([self.identity(request.clip) for request in sorted_requests]),
            lambda frame, running: _windows(speech[:running], frame).to(self.device),
            lambda frame, running: self.noise(
                [request.clip.name for request in sorted_requests[:running]], seed, frame
            ),
            [request.length for request in sorted_requests],
            motion_frames=self.network.motion_frames,
            motion_channels=self.network.motion_channels,
            stabilise=self.options["stabilise"],
        )
        for made in images:
            pictures = map(Picture, to_pixels(made))
            yield from zip(order[: len(made)], pictures, strict=True)  # the longest clips stand first

    def call(self, x: Tensor, t: Tensor, identity: Tensor, motion: Tensor, audio: Tensor) -> Tensor:
        """The network in the precision that the options name."""
        with autocast(self.network, self.options["precision"]):
            return self.network(x, t, identity, motion, audio).float()

    def identity(self, reference: Clip) -> Tensor:
        """(1, 3, size, size) in [-1, 1]: the frame that shows the person, or the one next to it that shows a face."""
        seen = np.flatnonzero(reference.ok)
        wanted = min(self.options["reference_frame"], len(reference.ok) - 1)
        number = int(seen[np.abs(seen - wanted).argmin()])
        if number != wanted:
            logger.warning("%s: no face in frame %d; frame %d shows the person", reference.name, wanted, number)
        with FrameReader(reference["view"]) as reader:
            shown = reader[number]
        return fitted(to_tensor(shown[None]), self.preset.size).to(self.device)

    def speech(self, request: Request) -> Embeddings:
        """The request's speech, a row (width,) for each frame; refused where the network was trained on another encoder's."""
        speech = embeddings(request.speech, request.length, self.options["speech_pooling"])
        check_shape(request.speech, speech.shape[1:], (self.network.audio_width,))
        return speech

    def noise(self, names: Sequence[str], seed: int, frame: int) -> Callable[[], Tensor]:
        """The noise of a frame of each clip: first x_T, then that of each step."""
        generators = [generator_for(seed, name, frame) for name in names]
        shape = (3, self.preset.size, self.preset.size)
        return lambda: torch.stack([torch.randn(shape, generator=generator) for generator in generators]).to(
            self.device
        )


def _windows(speech: Sequence[np.ndarray], frame: int) -> Tensor:
    """(n, window, width): the speech around a frame of each clip."""
    rows = [np.asarray(clip[speech_numbers(frame, len(clip))], np.float32) for clip in speech]
    return torch.from_numpy(np.stack(rows))


def load(
    weights: dict[str, Path], preset: str, options: dict, device: str | torch.device | None = None
) -> DiffusedHeads:
    """The sampler of a preset with its weights, on `device` or on the device there is.

    The number of attention heads, which no shape tells, is the option `heads`, or the channels over `head_width`.
    """
    device = torch.device(device) if device is not None else devices.device()
    path = weights["unet"]
    tensors = read_weights(path)
    settings = _settings(tensors, preset, path)
    check_fit(tensors, PRESETS["unet"][preset].build, settings, path)
    network = PRESETS["unet"][preset].build(**settings, **_heads(tensors, preset, options, path))
    load_weights(network, tensors, path)
    network.eval().requires_grad_(False)
    return DiffusedHeads(network.to(device), preset, options)


def _settings(tensors: Mapping[str, Tensor], preset: str, path: Path) -> dict:
    """The network's arguments that follow from its weights: all of a published network's, the width of speech of ours."""
    if preset == "published":
        return describe(tensors, subject=path)
    embedding = tensors.get("audio_embed.0.weight", torch.empty(0, 2 * REACH + 1))  # without it nothing will fit
    return {"audio_width": embedding.shape[-1] // (2 * REACH + 1)}


def _heads(tensors: Mapping[str, Tensor], preset: str, options: dict, path: Path) -> dict:
    """The network's arguments for the number of heads, which must divide the channels of every attention block."""
    name = "heads" if options["heads"] else "head_width"
    value = options[name] or PRESETS["unet"][preset].network.get(name, HEAD_WIDTH)
    for channels in {len(block) for tensor, block in tensors.items() if tensor.endswith("proj_out.weight")}:
        if channels % value and options[name]:
            problem = f"{value} do not divide the {channels} channels of an attention block"
            raise InputError(f"sampling: {name}", problem, "Choose a divisor, or null for what the preset has")
        if channels % value:
            problem = f"has {channels} channels in an attention block, which heads of {value} do not make up"
            remedy = "Set `preset` to that of the weights, or `sampling: heads` to the number of their heads"
            raise InputError(path, problem, remedy)
    return {"heads": None, "head_width": None, name: value}
