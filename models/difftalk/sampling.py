"""Repainted faces: every frame's lower part from noise, a reference and speech (DiffTalk specification, section 8.2)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoints import load_weights, read_weights
from models.difftalk import timeline
from models.difftalk.encoding import load_first_stage, pictures
from models.difftalk.first_stage import FirstStage
from models.difftalk.masks import REGIONS
from models.difftalk.network import DiffTalkNetwork
from models.difftalk.points import condition
from models.difftalk.presets import PRESETS
from models.difftalk.windows import speech_windows
from models.diffusion import Denoiser, Known, noise_for, sample
from models.pictures import to_pixels, to_tensor
from models.precision import autocast
from models.speech.rows import check_shape
from models.system import Clip, Picture, Request
from models.winograd import with_winograd
from toolkit import devices
from toolkit.media.frames import FrameReader


class DiffTalk:
    """Both networks of DiffTalk at a preset; `options` is the system's `sampling` block of the configuration."""

    def __init__(self, first_stage: FirstStage, network: DiffTalkNetwork, preset: str, options: dict) -> None:
        self.first_stage, self.network, self.options = first_stage, network, options
        self.size, self.preset = PRESETS["first_stage"][preset].size, PRESETS["unet"][preset]
        self.schedule = self.preset.sampling_schedule(options["steps"])
        self.region = REGIONS[self.preset.region]
        self.noise = options["noise"] or self.preset.noise

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def prepare(self, request: Request) -> None:
        """Refuse features of another encoder than the network was trained on."""
        given = speech_windows(request.speech, [0], request.length).shape[-1]
        check_shape(request.speech, (given,), (self.network.audio.encoder_conv[0].in_channels,))

    def sample(self, requests: Sequence[Request], seed: int) -> Iterator[tuple[int, Picture]]:
        """Yield (number of the request, picture (size, size, 3)), one request after the other."""
        for number, request in enumerate(requests):
            for rgb in self.pictures(request.clip, request.speech, request.length, seed):
                yield number, Picture(rgb)

    @torch.inference_mode()
    def pictures(self, clip: Clip, speech: np.ndarray, length: int, seed: int) -> Iterator[np.ndarray]:
        """Yield `length` pictures (size, size, 3) of the clip's face, painted to `speech` (rows at 50 or 25 Hz) where the region
        is, and what the first stage gives of the frame elsewhere.

        With `progressive` each picture is the next one's reference, so that they are made one by one.
        """
        points, stored = clip.points, clip.size
        order = timeline(len(points), length, self.options)
        with FrameReader(clip["view"]) as source:
            reference = self.reference(source, clip)
            count = 1 if self.options["progressive"] else self.options["batch_size"]
            for start in range(0, length, count):
                numbers = np.arange(start, min(start + count, length))
                frames = [(source[int(index)], points[index]) for index in order[numbers]]
                landmarks = torch.from_numpy(condition(points[order[numbers]], stored)).to(self.device)
                windows = torch.from_numpy(speech_windows(speech, numbers, length)).to(self.device)
                latents = self.paint(frames, stored, reference, landmarks, windows, numbers, clip.name, seed)
                if self.options["progressive"]:
                    reference = latents
                with autocast(self.first_stage, self.options["precision"]):
                    images = self.first_stage.decode(latents)
                yield from to_pixels(images)

    def paint(
        self,
        frames: Sequence[tuple[np.ndarray, np.ndarray]],
        stored: int,
        reference: Tensor,
        landmarks: Tensor,
        windows: Tensor,
        numbers: np.ndarray,
        name: str,
        seed: int,
    ) -> Tensor:
        """Latents (n, c, h, w) of the pictures with these `numbers`: of frames with their landmarks in pixels of the `stored`
        size, landmarks (n, 39, 2) and windows (n, 8, 16, width) of speech."""
        image, masked = self.latents(frames, stored)
        kept = np.stack([self.region.kept(points, stored, image.shape[-1]) for _, points in frames])

        def noise(step: str) -> Tensor:
            indices = numbers if self.noise == "fresh" else [0]
            parts = [noise_for(seed, f"{name} {step}", int(index), image.shape[1:]) for index in indices]
            return torch.stack(parts).to(self.device).expand_as(image)

        known = Known(
            image, torch.from_numpy(kept)[:, None].to(self.device), lambda position: noise(f"known {position}")
        )
        with autocast(self.network, self.options["precision"]):
            base = reference.expand_as(masked)
            prepared = self.network.prepare(masked, base, self.network.context(windows, landmarks))
            denoiser = Denoiser(
                lambda x, t: self.network.denoise(x, t, prepared), self.preset.prediction, base=base, limit=None
            )
            return sample(self.options["sampler"], denoiser, noise("start"), self.schedule, known=known)

    def latents(self, frames: Sequence[tuple[np.ndarray, np.ndarray]], stored: int) -> tuple[Tensor, Tensor]:
        """Latents (n, c, h, w) float32 of frames, and of them black where the network does not see; each picture encoded once."""
        seen, black = pictures(frames, stored, self.size, self.region.point)
        with autocast(self.first_stage, self.options["precision"]):
            latents = self.first_stage.encode(to_tensor(np.concatenate([seen, black])).to(self.device)).float()
        return latents[: len(frames)], latents[len(frames) :]

    def reference(self, source: FrameReader, clip: Clip) -> Tensor:
        """Latents (1, c, h, w) of the frame that shows the person: the user's choice, else the first with a face."""
        number = self.options["reference_frame"]
        number = int(np.argmax(clip.ok)) if number is None else min(number, len(clip.ok) - 1)
        image, _ = self.latents([(source[number], clip.points[number])], clip.size)
        return image


def load(weights: dict[str, Path], preset: str, options: dict, device: str | torch.device | None = None) -> DiffTalk:
    """The sampler of a preset with weights of both stages, on `device` or on the device there is.

    On a CPU in float32 its convolutions take fewer multiplications (`with_winograd`), for the same sums but for rounding.
    """
    device = torch.device(device or devices.device())
    tensors = read_weights(weights["unet"])
    first = tensors.get("audio.encoder_conv.0.weight")
    # Of tensors without that one, whatever network is built takes none.
    network = PRESETS["unet"][preset].build(first.shape[1] if first is not None and first.ndim > 1 else 1)
    load_weights(network, tensors, weights["unet"])
    network.to(device).eval().requires_grad_(False)
    if device.type == "cpu" and options["precision"] == "float32":
        with_winograd(network)
    return DiffTalk(load_first_stage(weights["first_stage"], preset, device), network, preset, options)
