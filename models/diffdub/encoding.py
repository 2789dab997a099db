"""Lip latents of a clip: what stage 2 learns to make from speech (DiffDub specification, sections 3.4 and 4.5)."""

from functools import lru_cache
from itertools import islice
from pathlib import Path

import torch

from models.checkpoints import load_weights, read_weights
from models.diffdub.data import LATENTS
from models.diffdub.presets import PRESETS
from models.diffdub.renderer import Renderer
from models.diffdub.rendering import lip_latents
from models.system import Clip
from toolkit.media.frames import read_frames

BATCH = 32  # pictures encoded at once


@lru_cache(maxsize=1)  # a training set's clips are encoded one by one
def load_renderer(path: Path, preset: str, device: str | torch.device) -> Renderer:
    """The renderer of a preset with weights from a file, for inference."""
    renderer = PRESETS["renderer"][preset].build()
    load_weights(renderer, read_weights(path), path)
    return renderer.to(device).eval().requires_grad_(False)


def encode(weights: dict[str, Path], preset: str, clip: Clip, device: str | torch.device) -> dict[str, torch.Tensor]:
    """`lips` (T, latent) float32 on the CPU: the averaged encoder's answer to every frame, clean and in order."""
    renderer = load_renderer(weights["renderer"], preset, device)
    return {LATENTS: clip_latents(renderer, PRESETS["renderer"][preset].size, clip)}


def clip_latents(renderer: Renderer, size: int, clip: Clip, frames: int | None = None) -> torch.Tensor:
    """(T, latent) of a clip's first `frames` frames, or of all; its video is streamed."""
    seen = zip(read_frames(clip["view"], 0, frames), clip.points[:frames], strict=True)
    latents = []
    while batch := list(islice(seen, BATCH)):
        pictures, points = zip(*batch, strict=True)
        latents.append(lip_latents(renderer, pictures, points, size).cpu())
    return torch.cat(latents)
