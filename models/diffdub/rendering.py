"""Frames and landmarks to lip latents, and lip latents back to frames, in batches of independent frames.

Frames are RGB uint8 (n, h, w, 3) square face crops of any size with landmarks (n, 68, 2) in their pixels; the work is
done at `size` (DiffDub specification, sections 2, 3.4 and 7).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from models.diffdub import window
from models.diffdub.renderer import Renderer
from models.diffusion import Denoiser, Known, Schedule, sample
from models.pictures import to_tensor


def to_pixels(images: Tensor) -> np.ndarray:
    """Images (n, 3, h, w) in [-1, 1] -> RGB uint8 (n, h, w, 3); truncated, as published, not rounded."""
    unit = (images.float().clamp(-1, 1) + 1) / 2
    return (unit * 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def lip_pictures(
    frames: Sequence[np.ndarray], landmarks: np.ndarray, size: int, margins: window.Margins | None = None
) -> Tensor:
    """What the encoder sees of each frame: the window from brows to chin, (n, 3, size, size) in [-1, 1]."""
    crops = [
        window.encoder_crop(window.resize_frame(frame, size), window.scale_landmarks(points, len(frame), size), margins)
        for frame, points in zip(frames, landmarks, strict=True)
    ]
    return to_tensor(np.stack(crops))


@torch.no_grad()
def lip_latents(
    renderer: Renderer,
    frames: Sequence[np.ndarray],
    landmarks: np.ndarray,
    size: int,
    margins: window.Margins | None = None,
) -> Tensor:
    """Lip latents (n, latent) of frames, on the renderer's device."""
    device = next(renderer.parameters()).device
    return renderer.encode(lip_pictures(frames, landmarks, size, margins).to(device))


@torch.no_grad()
def render(
    renderer: Renderer,
    frames: Sequence[np.ndarray],
    landmarks: np.ndarray,
    references: Sequence[np.ndarray],
    latents: Tensor,
    noise: Tensor,
    schedule: Schedule,
    size: int,
    *,
    sampler: str = "ddim",
    prediction: str = "noise",
    margins: window.Margins | None = None,
    keep: Callable[..., np.ndarray] = window.keep,
) -> Tensor:
    """The frames with their mouth windows painted anew: (n, 3, size, size) in [-1, 1], on the renderer's device.

    `references` and `noise` (n or 1, 3, size, size) are one for each frame or one for all: the published demo shares
    both, which keeps the texture still in time. `keep` makes the mask of what stays (window.WINDOWS). `latents`
    (n, latent); `schedule` is spaced: the steps to take.
    """
    device = next(renderer.parameters()).device
    kept = np.stack(
        [
            keep(window.scale_landmarks(points, len(frame), size), size, margins)
            for frame, points in zip(frames, landmarks, strict=True)
        ]
    )
    target = to_tensor(_resized(frames, size)).to(device)
    reference = to_tensor(_resized(references, size)).to(device).expand_as(target)
    known = Known(target, torch.from_numpy(kept)[:, None].to(device))
    noise = noise.to(device).expand_as(target)
    return paint(renderer, known, reference, latents.to(device), noise, schedule, sampler, prediction)


def paint(
    renderer: Renderer,
    known: Known,
    reference: Tensor,
    latents: Tensor,
    noise: Tensor,
    schedule: Schedule,
    sampler: str,
    prediction: str,
) -> Tensor:
    """`known` frames with the rest of them painted: (n, 3, size, size) in [-1, 1], as are reference and noise; latents
    (n, latent). All on the renderer's device."""

    def network(x: Tensor, t: Tensor) -> Tensor:
        return renderer(torch.cat([x, reference], dim=1), t, latents)

    return sample(sampler, Denoiser(network, prediction, base=reference), noise, schedule, known=known)


def _resized(frames: Sequence[np.ndarray], size: int) -> np.ndarray:
    return np.stack([window.resize_frame(frame, size) for frame in frames])
