"""What is measured of each system: a row here for each network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

Inputs = tuple[Tensor, ...]
GOALS = {"diffdub": "25", "diffused_heads": "5", "difftalk": "10"}
"""Frames a second on one H100: of DiffDub at 20 steps, of Diffused Heads over a batch of clips, of DiffTalk at 200 steps.

DiffTalk's 68 TFLOP a frame (200 times 166 GMAC, and 681 of the first stage) allow 14.6 at the card's peak in bfloat16: 10 are
69 % of it, more than such networks have reached here.
"""
SYSTEMS = tuple(GOALS)


@dataclass(frozen=True)
class Shapes:
    """What the files of a clip hold of each frame.

    speech   rows of speech features, and the shape of each
    latents  by their names, the shape of each kind; in `kind`
    """

    speech: tuple[int, ...]
    latents: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    kind: type[np.floating] = np.float32


PUBLISHED = {
    "diffdub": Shapes((2, 25, 1024), {"lips": (512,)}),
    "diffused_heads": Shapes((1, 256)),
    "difftalk": Shapes((2, 29), {"image": (3, 64, 64), "masked": (3, 64, 64)}, np.float16),
}
"""As the published networks take them, by system."""
TINY = {
    "diffdub": Shapes((2, 1, 80), {"lips": (32,)}),
    "diffused_heads": Shapes((1, 80)),
    "difftalk": Shapes((2, 80), {"image": (6, 16, 16), "masked": (6, 16, 16)}, np.float16),
}
"""As those of the preset `debug` do."""


@dataclass(frozen=True)
class Measured:
    """A network of a system as it samples and as it trains.

    build      -> the network, at the published size or a tiny one
    inputs     (batch, device, tiny) -> arguments of a call
    call       (network, *inputs) -> output
    calls      its calls for an output frame, as published and in our exact path, which makes the same calls in batches
               (specifications: DiffDub, sections 2, 7 and 10, one-shot, clips of 10 s; Diffused Heads, section 7; DiffTalk,
               sections 7 and 8.2)
    main       most of the time is its; the system's goal is held against it
    """

    system: str
    network: str
    build: Callable[[bool], nn.Module]
    inputs: Callable[[int, torch.device, bool], Inputs]
    call: Callable[..., Tensor]
    calls: float
    main: bool = False


def _renderer(tiny: bool) -> nn.Module:
    from models.diffdub.presets import PRESETS

    return PRESETS["renderer"]["debug" if tiny else "published"].build()


def _renderer_inputs(batch: int, device: torch.device, tiny: bool) -> Inputs:
    size, latent = (64, 32) if tiny else (256, 512)
    shapes = ((batch, 6, size, size), (batch, latent))
    x, code = (torch.randn(shape, device=device) for shape in shapes)
    return x, torch.full((batch,), 500, device=device), code


def _picture_inputs(batch: int, device: torch.device, tiny: bool) -> Inputs:
    size = 64 if tiny else 256
    return (torch.randn(batch, 3, size, size, device=device),)


def _heads(tiny: bool) -> nn.Module:
    from models.diffused_heads.presets import PRESETS

    return PRESETS["unet"]["debug" if tiny else "published"].build(256)


def _heads_inputs(batch: int, device: torch.device, tiny: bool) -> Inputs:
    size = 64 if tiny else 128
    picture = (batch, 3, size, size)
    x, identity = (torch.randn(picture, device=device) for _ in range(2))
    motion, audio = torch.randn(batch, 6, size, size, device=device), torch.randn(batch, 5, 256, device=device)
    return x, torch.full((batch,), 500, device=device), identity, motion, audio


def _sequence(tiny: bool) -> nn.Module:
    from models.diffdub.presets import PRESETS

    return (
        PRESETS["sequence"]["debug"].build(1, 80, 32) if tiny else PRESETS["sequence"]["published"].build(25, 1024, 512)
    )


def _sequence_inputs(batch: int, device: torch.device, tiny: bool) -> Inputs:
    layers, width, latent = (1, 80, 32) if tiny else (25, 1024, 512)
    speech = torch.randn(batch, layers, 500, width, device=device)
    return speech, torch.randn(batch, 75, latent, device=device)


def _difftalk(tiny: bool) -> nn.Module:
    from models.difftalk.presets import PRESETS

    width = _shapes("difftalk", tiny).speech[-1]
    return PRESETS["unet"]["debug" if tiny else "published"].build(width)


def _difftalk_inputs(batch: int, device: torch.device, tiny: bool) -> Inputs:
    shape = (batch, *_shapes("difftalk", tiny).latents["image"])
    x, masked, reference = (torch.randn(shape, device=device) for _ in range(3))
    context = torch.randn(batch, 1, 64 if tiny else 128, device=device)
    return x, torch.full((batch,), 500, device=device), masked, reference, context


def _first_stage(tiny: bool) -> nn.Module:
    from models.difftalk.presets import PRESETS

    return PRESETS["first_stage"]["debug" if tiny else "published"].build()


def _latent_inputs(batch: int, device: torch.device, tiny: bool) -> Inputs:
    return (torch.randn(batch, *_shapes("difftalk", tiny).latents["image"], device=device),)


def _shapes(system: str, tiny: bool) -> Shapes:
    return (TINY if tiny else PUBLISHED)[system]


def _forward(network: nn.Module, *inputs: Tensor) -> Tensor:
    return network(*inputs)


def _encode(network: nn.Module, pictures: Tensor) -> Tensor:
    return network.encode(pictures)


def _decode(network: nn.Module, latents: Tensor) -> Tensor:
    return network.decode(latents)


NETWORKS = (
    Measured("diffdub", "renderer UNet", _renderer, _renderer_inputs, _forward, 20, main=True),
    Measured("diffdub", "renderer encoder", _renderer, _picture_inputs, _encode, 1 / 250),
    Measured("diffdub", "sequence, 250 frames", _sequence, _sequence_inputs, _forward, 1 / 250),
    Measured("diffused_heads", "UNet", _heads, _heads_inputs, _forward, 100, main=True),
    Measured("difftalk", "UNet", _difftalk, _difftalk_inputs, _forward, 200, main=True),
    Measured("difftalk", "first stage, encode", _first_stage, _picture_inputs, _encode, 2),
    Measured("difftalk", "first stage, decode", _first_stage, _latent_inputs, _decode, 1),
)
