"""What is measured of each system: a row here for each network."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Inputs = tuple[Tensor, ...]
GOALS = {"diffdub": "25", "diffused_heads": "5"}
"""Frames a second on one H100: of DiffDub at 20 steps, of Diffused Heads over a batch of clips."""


@dataclass(frozen=True)
class Measured:
    """A network of a system as it samples and as it trains.

    build      -> the network, at the published size or a tiny one
    inputs     (batch, device, tiny) -> arguments of a call
    call       (network, *inputs) -> output
    calls      its calls for an output frame, as published and in our exact path, which makes the same calls in batches
               (specifications: DiffDub, sections 2, 7 and 10, one-shot, clips of 10 s; Diffused Heads, section 7)
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


def _lips_inputs(batch: int, device: torch.device, tiny: bool) -> Inputs:
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


def _forward(network: nn.Module, *inputs: Tensor) -> Tensor:
    return network(*inputs)


def _encode(network: nn.Module, lips: Tensor) -> Tensor:
    return network.encode(lips)


NETWORKS = (
    Measured("diffdub", "renderer UNet", _renderer, _renderer_inputs, _forward, 20, main=True),
    Measured("diffdub", "renderer encoder", _renderer, _lips_inputs, _encode, 1 / 250),
    Measured("diffdub", "sequence, 250 frames", _sequence, _sequence_inputs, _forward, 1 / 250),
    Measured("diffused_heads", "UNet", _heads, _heads_inputs, _forward, 100, main=True),
)
