"""Dubbed frames from references and speech, in the three published modes (DiffDub specification, sections 2 and 7)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoints import load_weights, read_weights
from models.diffdub import timeline, window
from models.diffdub.data import two_rows
from models.diffdub.encoding import clip_latents, load_renderer
from models.diffdub.presets import PRESETS
from models.diffdub.renderer import Renderer
from models.diffdub.rendering import lip_latents, render, to_pixels
from models.diffdub.sequence import SequenceGenerator, predict_long
from models.diffusion import noise_for
from models.precision import autocast
from models.speech.rows import check_shape, rows_per_frame
from models.system import Clip, Picture, Request
from toolkit import devices
from toolkit.faces.crop import Square
from toolkit.faces.paste import paste
from toolkit.media.frames import FrameReader

REFERENCES = 75  # latents that show how the person's lips move: 3 s


class DiffDub:
    """Both networks of DiffDub at a preset; `options` is the system's `sampling` block of the configuration."""

    def __init__(self, renderer: Renderer, sequence: SequenceGenerator, preset: str, options: dict) -> None:
        self.renderer, self.sequence = renderer, sequence
        self.preset = PRESETS["renderer"][preset]
        self.schedule = self.preset.sampling_schedule(options["steps"])
        self.options = options

    def prepare(self, request: Request) -> None:
        """Refuse features of another encoder than the sequence generator was trained on."""
        encoder = self.sequence.encoder
        expected = (len(encoder.weights), encoder.down_sample_audio_nar.in_channels)
        check_shape(request.speech, (1, *request.speech.shape[1:])[-2:], expected)
        rows_per_frame(request.speech, request.length)

    def sample(self, requests: Sequence[Request], seed: int) -> Iterator[tuple[int, Picture]]:
        """Yield (number of the request, picture (size, size, 3)), one request after the other."""
        for number, request in enumerate(requests):
            speech = two_rows(request.speech, request.length)
            for rgb in self.pictures(request.clip, speech, request.length, seed):
                yield number, Picture(rgb)

    def pictures(self, reference: Clip, speech: np.ndarray, length: int, seed: int) -> Iterator[np.ndarray]:
        """Yield `length` pictures (size, size, 3) of the reference's face crop with lips that follow `speech`.

        speech (about 2 length, ...) features at 50 Hz. The noise and the one-shot frame come from `seed` and the
        reference's name; every picture starts from the same noise, which keeps the texture still.
        """
        size, batch_size = self.preset.size, self.options["batch_size"]
        points, around = reference.points, window.WINDOWS[self.preset.window]
        number = self.reference_number(reference, seed)
        order = timeline(len(points), length, self.options)
        noise = noise_for(seed, reference.name, 0, (1, 3, size, size))
        with FrameReader(reference["view"]) as source:
            shown = source[number]
            latents = self.lips(reference, shown, number, speech, length)
            for start in range(0, length, batch_size):
                batch = order[start : start + batch_size]
                frames = [source[int(index)] for index in batch]
                with autocast(self.renderer, self.options["precision"]):
                    images = render(
                        self.renderer,
                        frames,
                        points[batch],
                        [shown],
                        latents[start : start + batch_size],
                        noise,
                        self.schedule,
                        size,
                        sampler=self.options["sampler"],
                        prediction=self.preset.prediction,
                        keep=around.keep,
                    )
                for frame, landmarks, made in zip(frames, points[batch], to_pixels(images), strict=True):
                    weight = around.feather(window.scale_landmarks(landmarks, len(frame), size), size)
                    # The published loop leaves its guess of the frame outside the window: close to it, not equal.
                    yield paste(window.resize_frame(frame, size), made, Square(0, 0, size), weight)

    def lips(self, reference: Clip, shown: np.ndarray, number: int, speech: np.ndarray, length: int) -> torch.Tensor:
        """(length, latent) what the mouth does in every frame."""
        size = self.preset.size
        if self.options["mode"] == "few_shot":
            seen = clip_latents(self.renderer, size, reference, min(REFERENCES, len(reference.points))).numpy()
            references = seen[np.arange(REFERENCES) % len(seen)]
        else:
            seen = lip_latents(self.renderer, [shown], reference.points[[number]], size).cpu().numpy()
            references = seen.repeat(REFERENCES, axis=0)
        latents = predict_long(self.sequence, speech[: 2 * length], references)
        return torch.from_numpy(np.pad(latents, [(0, length - len(latents)), (0, 0)], mode="edge"))

    def reference_number(self, reference: Clip, seed: int) -> int:
        """The frame that shows the person: the user's choice, else the mode's published one."""
        total = len(reference.points)
        if self.options["reference_frame"] is not None:
            return min(self.options["reference_frame"], total - 1)
        if self.options["mode"] == "few_shot":
            return (REFERENCES - 1) % total  # published: the last of the 75 frames
        if self.options["mode"] == "single_portrait":
            return 0
        random = np.random.default_rng([seed, *reference.name.encode()])
        return int(random.choice(np.flatnonzero(reference.ok)))


def load(weights: dict[str, Path], preset: str, options: dict, device: str | torch.device | None = None) -> DiffDub:
    """The sampler of a preset with weights of both stages, on `device` or on the device there is."""
    device = device or devices.device()
    tensors = read_weights(weights["sequence"])
    layers = _side(tensors, "encoder.weights", 0)
    width = _side(tensors, "encoder.down_sample_audio_nar.weight", 1)
    latent = _side(tensors, "encoder.out_proj.weight", 0)
    sequence = PRESETS["sequence"][preset].build(layers, width, latent)
    load_weights(sequence, tensors, weights["sequence"])
    renderer = load_renderer(weights["renderer"], preset, device)
    return DiffDub(renderer, sequence.to(device).eval(), preset, options)


def _side(tensors: Mapping[str, Tensor], name: str, axis: int) -> int:
    """A side of a tensor; 1 where there is no such tensor, since then nothing will fit the network anyway."""
    shape = tensors[name].shape if name in tensors else ()
    return shape[axis] if axis < len(shape) else 1
