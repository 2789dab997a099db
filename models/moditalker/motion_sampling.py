"""Motion of any length from speech and one face, window after window (MoDiTalker specification, sections 5 and 11.2).

A window starts at its reference, so the next one's is the generated frame at which it starts, half a window later. The
first half of what both cover is tied to what was generated; over the second half the one fades into the other.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoints import load_weights, read_weights
from models.diffusion import Denoiser, Known, guided, noise_for, sample
from models.moditalker.atom import Conditions, MotionDecoder
from models.moditalker.motion_data import speech_of
from models.moditalker.presets import PRESETS, AtomPreset
from models.precision import autocast
from models.speech.rows import check_shape
from toolkit import devices


class MotionSampler:
    """The motion decoder at a preset. `steps` and `guidance` are the preset's where none are given; `sampler` is one of
    `models.diffusion.SAMPLERS`, of which DDIM takes the preset's `eta`."""

    def __init__(
        self,
        network: MotionDecoder,
        preset: AtomPreset,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        sampler: str = "ddim",
        precision: str = "float32",
    ) -> None:
        self.network, self.preset, self.sampler, self.precision = network, preset, sampler, precision
        self.guidance = preset.guidance if guidance is None else guidance
        self.schedule = preset.sampling_schedule(steps)

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def prepare(self, speech: np.ndarray, length: int) -> None:
        """Refuse features that do not belong to `length` frames, or are of another encoder than the network was trained on."""
        check_shape(speech, speech_of(speech, 0, 1, length).shape[1:], (self.network.audio_width,))

    def motion(self, reference: np.ndarray, speech: np.ndarray, length: int, name: str, seed: int) -> np.ndarray:
        """(length, 68, 3) float32, all that `blocks` yields."""
        return np.concatenate(list(self.blocks(reference, speech, length, name, seed)))

    @torch.inference_mode()
    def blocks(
        self, reference: np.ndarray, speech: np.ndarray, length: int, name: str, seed: int
    ) -> Iterator[np.ndarray]:
        """Yield the motion of `length` frames that speak `speech` (one or two rows a frame), in blocks (n, 68, 3) float32 of
        half a window.

        reference (68, 3) is the face's motion in some frame: the first frame looks like it. The noise is decided by `name`,
        of what is sampled, and `seed`. The last window's speech is filled up with its last row.
        """
        window, step = self.network.length, self.network.length - self.network.length // 2
        start, made = 0, self._window(torch.from_numpy(reference).reshape(1, -1), speech, 0, length, name, seed)
        while start + window < length:
            yield self._frames(made[:step])
            start, before = start + step, made[step:]
            tied = len(before) // 2
            made = self._window(before[:1], speech, start, length, name, seed, before[:tied])
            fading = torch.arange(1, len(before) - tied + 1, device=made.device) / (len(before) - tied + 1)
            share = torch.cat([fading.new_zeros(tied), fading])[:, None]
            made[: len(before)] = (1 - share) * before + share * made[: len(before)]
        yield self._frames(made[: length - start])

    def _window(
        self,
        reference: Tensor,
        speech: np.ndarray,
        start: int,
        length: int,
        name: str,
        seed: int,
        before: Tensor | None = None,
    ) -> Tensor:
        """(window, 204) from frame `start` on, relative to no frame, as `reference` (1, 204) and the known frames `before` (n,
        204) are."""
        reference = reference.to(self.device, torch.float32)
        shape = (self.network.length, reference.shape[1])

        def noise(step: str) -> Tensor:
            return noise_for(seed, f"{name} {step}", start, shape).to(self.device)[None]

        known = None
        if before is not None:
            image, keep = torch.zeros(1, *shape, device=self.device), torch.zeros(1, shape[0], 1, device=self.device)
            image[0, : len(before)], keep[0, : len(before)] = before - reference, 1
            known = Known(image, keep, lambda position: noise(f"known {position}"))
        rows = torch.from_numpy(speech_of(speech, start, start + shape[0], length))[None].to(self.device)
        options = {"eta": self.preset.eta} if self.sampler == "ddim" else {}
        with autocast(self.network, self.precision):
            residual = sample(
                self.sampler,
                self._denoiser(reference[None], rows),
                noise("start"),
                self.schedule,
                known=known,
                step_noise=lambda position: noise(f"step {position}"),
                **options,
            )
        return reference + residual[0]

    def _denoiser(self, reference: Tensor, rows: Tensor) -> Denoiser:
        """The network with a face (1, 1, 204) and speech (1, 2 window, width), guided where the preset says so."""
        preset, conditions, without = self.preset, self.network.conditions(reference, rows), self.network.without(1)

        def following(conditions: Conditions) -> Callable[[Tensor, Tensor], Tensor]:
            return lambda x, t: self.network(preset.seen(x, t), t, conditions)

        answer = following(conditions)
        if preset.guidance != 1:
            answer = guided(answer, following(without), preset.guidance)
        return Denoiser(answer, "start", limit=preset.limit)

    def _frames(self, motion: Tensor) -> np.ndarray:
        return motion.unflatten(1, (-1, 3)).cpu().numpy()


def load(
    path: Path,
    preset: str,
    *,
    steps: int | None = None,
    guidance: float | None = None,
    sampler: str = "ddim",
    precision: str = "float32",
    device: str | torch.device | None = None,
) -> MotionSampler:
    """The sampler of a preset with weights from a file, on `device` or on the device there is."""
    tensors = read_weights(path)
    first = tensors.get("cond_projection.weight")
    # Of tensors without that one, whatever network is built takes none.
    network = PRESETS["atom"][preset].build(first.shape[1] if first is not None and first.ndim > 1 else 1)
    load_weights(network, tensors, path)
    network.to(torch.device(device or devices.device())).eval().requires_grad_(False)
    settings = {"steps": steps, "guidance": guidance, "sampler": sampler, "precision": precision}
    return MotionSampler(network, PRESETS["atom"][preset], **settings)
