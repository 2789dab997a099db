"""One colour a frame, and a mask of its own with each."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from models.tinted.networks import light_and_speech, trained

from models.system import Picture, Request


class Tinted:
    def __init__(self, weights: dict, options: dict) -> None:
        self.weights, self.bar = weights, options["bar"]
        self.base, self.tone = (trained(stage, weights) for stage in ("base", "tone"))

    def prepare(self, request: Request) -> None:
        """Every request can be sampled."""

    @torch.inference_mode()
    def sample(self, requests: Sequence[Request], seed: int) -> Iterator[tuple[int, Picture]]:
        for number, request in enumerate(requests):
            light, speech = light_and_speech(request.clip, self.weights)
            colours = self.tone(torch.cat([self.base(light), speech], 1)).clamp(0, 1).numpy()
            size = request.clip.size
            for frame, colour in enumerate(colours[: request.length]):
                mask = np.zeros((size, size), np.uint8)
                mask[:, frame % (size - self.bar) :][:, : self.bar] = 255
                yield number, Picture(np.full((size, size, 3), 255 * colour, np.uint8), mask)


def load(weights: dict, preset: str, options: dict) -> Tinted:
    return Tinted(weights, options)
