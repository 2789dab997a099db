"""MoDiTalker (AAAI 2025, arXiv 2403.19144): speech moves 3D landmarks, and these a video's lower face."""

import numpy as np

from models.moditalker.presets import PRESETS
from models.system import System
from models.timeline import extend_indices
from toolkit.faces.masks import lower_face_mask, square_mask

AUTOENCODERS = ("rgb_autoencoder", "rgb_autoencoder_gan", "motion_autoencoder")


def timeline(source_frames: int, length: int, options: dict) -> np.ndarray:
    """(length,) the video's frames, extended beyond its end."""
    return extend_indices(source_frames, length, options["beyond"])


def mask(points: np.ndarray, size: int, options: dict) -> np.ndarray:
    """(size, size) what is pasted: the lower face, with room for a jaw that drops, or the whole square; feathered."""
    return square_mask(size) if options["paste"] == "square" else lower_face_mask(points, size)


def pasted(options: dict) -> bool:
    """Published is the plain square: nothing is pasted."""
    return options["paste"] != "nothing"


def networks(stage: str, preset: str) -> tuple[str, ...]:
    """The auto-encoders learn with LPIPS, but where the preset leaves it out."""
    return ("lpips_vgg",) if stage in AUTOENCODERS and PRESETS[stage][preset].perceptual else ()


SYSTEM = System(
    package="models.moditalker",
    stages=("atom", *AUTOENCODERS, "mtov"),
    timeline=timeline,
    mask=mask,
    inputs=("face3d",),
    speed_options=frozenset({"clips_at_once"}),
    paste_options=frozenset({"paste"}),
    pasted=pasted,
    networks=networks,
)
