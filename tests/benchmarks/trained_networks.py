"""A folder of results as the workflow leaves it, with networks that have learnt nothing."""

from pathlib import Path

import torch
from torch import nn

import models.diffdub.presets
import models.difftalk.presets
import models.diffused_heads.presets
from models.checkpoints import write_weights
from models.system import Clip
from tests.small_clips import small_clip
from toolkit.files import write_json

CLIP = "plain_planets"


def networks(name: str) -> dict[str, nn.Module]:
    """A system's networks at `debug`, for mel features, by stage."""
    if name == "diffdub":
        chosen = models.diffdub.presets.PRESETS
        return {
            "renderer": chosen["renderer"]["debug"].build(),
            "sequence": chosen["sequence"]["debug"].build(1, 80, 32),
        }
    if name == "difftalk":
        chosen = models.difftalk.presets.PRESETS
        return {"first_stage": chosen["first_stage"]["debug"].build(), "unet": chosen["unet"]["debug"].build(80)}
    return {"unet": models.diffused_heads.presets.PRESETS["unet"]["debug"].build(160)}


def write_results(folder: Path, name: str, frames: int = 9) -> Clip:
    """A small clip and a system's networks as they lie in `folder`."""
    for view in ("crops", "aligned"):
        (folder / view).mkdir()
        clip = small_clip(folder / view, CLIP, frames)
    features = folder / "features/mel"
    features.mkdir(parents=True)
    clip["speech"].rename(features / f"{CLIP}.npy")
    write_json(features / f"{CLIP}.json", {"kind": "mel", "rate": 50})
    torch.manual_seed(0)
    for stage, network in networks(name).items():
        if name == "difftalk" and stage == "first_stage":
            network.quantize.embedding.weight.data *= 1000  # codes that lie apart
        for parameter in network.parameters():  # some start as zeros
            parameter.data += 0.05 * torch.randn(parameter.shape)
        path = folder / f"models/{name}/{stage}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_weights(path, network.state_dict(), {})
    return clip
