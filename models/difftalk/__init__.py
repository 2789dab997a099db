"""DiffTalk (CVPR 2023, arXiv 2301.03786): the lower face repainted by diffusion in the latents of an auto-encoder."""

import numpy as np

from models.difftalk.masks import REGIONS
from models.difftalk.presets import PRESETS
from models.system import System
from models.timeline import extend_indices
from toolkit.faces.masks import square_mask


def timeline(source_frames: int, length: int, options: dict) -> np.ndarray:
    """(length,) the video's frames, extended beyond its end."""
    return extend_indices(source_frames, length, options["beyond"])


def mask(points: np.ndarray, size: int, options: dict) -> np.ndarray:
    """(size, size) what is pasted: the region that the preset paints, or the whole square; feathered."""
    if options["paste"] == "square":
        return square_mask(size)
    return REGIONS[PRESETS["unet"][options["preset"]].region].mask(points, size)


def pasted(options: dict) -> bool:
    """Published is the plain square: nothing is pasted."""
    return options["paste"] != "nothing"


def networks(stage: str, preset: str) -> tuple[str, ...]:
    """The first stage learns with LPIPS, but where the preset leaves it out."""
    return ("lpips_vgg",) if stage == "first_stage" and PRESETS[stage][preset].perceptual else ()


SYSTEM = System(
    package="models.difftalk",
    stages=("first_stage", "unet"),
    timeline=timeline,
    mask=mask,
    speed_options=frozenset({"batch_size"}),
    paste_options=frozenset({"paste"}),
    pasted=pasted,
    networks=networks,
    preset_weights={"published": {"first_stage": "published", "unet": "trained"}},
)
