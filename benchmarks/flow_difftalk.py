"""DiffTalk's published flow beside ours on this machine's CPU, with random weights: arithmetic, time, and how equal they are.

    python -m benchmarks.flow_difftalk

published     for every frame three encodes (frame, masked frame, reference) and two decodes, of which one is thrown away; the
              whole network at every step, its attention written out (specification, sections 8.2, 9 and 15)
ours          `models.difftalk.sampling`: the reference once a clip, what does not change between steps once, fused attention
ours, quick   the same with the convolutions of `models.winograd`, as `load` gives it on a CPU in float32

All three sample the same frames in a few DDIM steps from the same noise, which is counted and compared; then the parts are timed
by turns. Steps are all alike, so that a frame's figures are those of the parts times how often it needs them. An operation is
a multiply-accumulate; `quick` has additions beside them that are not counted, but timed.
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple
from unittest import mock

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.recorder import Recorder, relative, shared
from models.difftalk.encoding import pictures
from models.difftalk.first_stage import FirstStage
from models.difftalk.masks import REGIONS
from models.difftalk.network import DiffTalkNetwork
from models.difftalk.points import JAW, NOSE_BASE, NOSE_TIP, condition
from models.difftalk.presets import PRESETS
from models.difftalk.sampling import DiffTalk
from models.diffusion import Denoiser, Known, Schedule, noise_for, sample
from models.pictures import to_pixels, to_tensor
from models.winograd import with_winograd

COMPARED = 4  # steps of the comparison
NAME, SEED = "random", 0
OPTIONS = {"steps": None, "noise": "fresh", "sampler": "ddim", "precision": "float32"}
PARTS = ("encode", "prepare", "step", "decode")


class Networks(NamedTuple):
    """Both networks of DiffTalk."""

    first_stage: FirstStage
    network: DiffTalkNetwork


class Scene(NamedTuple):
    """Frames with their landmarks (68, 2) in pixels of the `stored` size, the landmarks as the network takes them (n, 39, 2), and
    windows of speech (n, 8, 16, 29)."""

    frames: list[tuple[np.ndarray, np.ndarray]]
    stored: int
    landmarks: Tensor
    windows: Tensor


class Published:
    """The published flow, on our networks' weights."""

    def __init__(self, networks: Networks, preset: str) -> None:
        self.networks, self.recorder = shared(networks), Recorder(PARTS)
        self.size, self.preset = PRESETS["first_stage"][preset].size, PRESETS["unet"][preset]
        self.recorder.of_methods(self.networks.first_stage, encode="encode", decode="decode")
        self.step = self.recorder("step", self.whole_step)

    def counts(self, clip: int) -> dict[str, float]:
        """How often a frame of a clip with `clip` frames needs each part."""
        return {"encode": 3, "step": self.preset.steps, "decode": 2}

    def whole_step(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """The network on x (n, 9, h, w) without any saving: the context (n, 1, 128) goes through queries and keys."""
        unet = self.networks.network.unet
        return unet._run(unet.input_blocks[0], x, t, context)  # `forward` would know that it is one token

    def run(self, scene: Scene, schedule: Schedule) -> tuple[Tensor, Tensor]:
        """Latents and images (n, c, h, w) after the steps of `schedule`."""
        with mock.patch.object(functional, "scaled_dot_product_attention", written_out):
            return self._run(scene, schedule)

    def _run(self, scene: Scene, schedule: Schedule) -> tuple[Tensor, Tensor]:
        (first_stage, network), region = self.networks, REGIONS[self.preset.region]
        seen, black = pictures(scene.frames, scene.stored, self.size, region.point)
        shown = seen[:1].repeat(len(seen), axis=0)
        image, masked, reference = (first_stage.encode(to_tensor(given)) for given in (seen, black, shown))
        first_stage.decode(image)
        context = network.context(scene.windows, scene.landmarks)
        kept = np.stack([region.kept(points, scene.stored, image.shape[-1]) for _, points in scene.frames])

        def noise(step: str) -> Tensor:
            return torch.stack(
                [noise_for(SEED, f"{NAME} {step}", index, image.shape[1:]) for index in range(len(image))]
            )

        def answer(x: Tensor, t: Tensor) -> Tensor:
            return self.step(torch.cat([x, masked, reference], dim=1), t, context)

        known = Known(image, torch.from_numpy(kept)[:, None], lambda position: noise(f"known {position}"))
        denoiser = Denoiser(answer, self.preset.prediction, base=reference, limit=None)
        latents = sample("ddim", denoiser, noise("start"), schedule, known=known)
        return latents, first_stage.decode(latents)


class Ours:
    """`models.difftalk.sampling` with either kind of convolutions."""

    def __init__(self, networks: Networks, preset: str, quick: bool) -> None:
        first_stage, network = shared(networks)
        self.sampler, self.recorder = DiffTalk(first_stage, network, preset, OPTIONS), Recorder(PARTS)
        if quick:
            with_winograd(network)
        self.recorder.of_methods(first_stage, encode="encode", decode="decode")
        self.recorder.of_methods(network, prepare="prepare", step="denoise")

    def counts(self, clip: int) -> dict[str, float]:
        """How often a frame of a clip with `clip` frames needs each part."""
        # `DiffTalk.reference` encodes the frame with its masked twin.
        return {"encode": 2 + 2 / clip, "prepare": 1, "step": self.sampler.preset.steps, "decode": 1}

    def run(self, scene: Scene, schedule: Schedule) -> tuple[Tensor, Tensor]:
        """Latents and images (n, c, h, w) after the steps of `schedule`."""
        self.sampler.schedule = schedule
        reference, _ = self.sampler.latents(scene.frames[:1], scene.stored)
        numbers = np.arange(len(scene.frames))
        latents = self.sampler.paint(
            scene.frames, scene.stored, reference, scene.landmarks, scene.windows, numbers, NAME, SEED
        )
        return latents, self.sampler.first_stage.decode(latents)


def written_out(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention (n, heads, tokens, width) with its whole matrix, as the published code has it."""
    return (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(dim=-1) @ value


def random_networks(preset: str) -> Networks:
    """Networks of a preset with random weights, none of them zero."""
    torch.manual_seed(SEED)
    networks = Networks(PRESETS["first_stage"][preset].build(), PRESETS["unet"][preset].build(29))
    for network in networks:
        network.eval().requires_grad_(False)
        for parameter in network.parameters():
            if not parameter.any():  # what closes a block begins at zero
                parameter.normal_(std=0.02)
    networks.first_stage.quantize.embedding.weight.normal_()
    return networks


def random_scene(count: int, size: int = 256) -> Scene:
    """Noise instead of faces; of their landmarks those that decide what is painted lie where a face has them."""
    random = np.random.default_rng(SEED)
    points = np.full((68, 2), 0.5)
    angles = np.linspace(0, np.pi, len(JAW))
    points[list(JAW)] = np.stack([0.5 - 0.3 * np.cos(angles), 0.5 + 0.4 * np.sin(angles)], axis=1)
    points[[NOSE_TIP, NOSE_BASE], 1] = 0.5, 0.55
    faces = random.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    landmarks = (points * size)[None].repeat(count, axis=0)
    windows = torch.from_numpy(random.standard_normal((count, 8, 16, 29), np.float32))
    return Scene(list(zip(faces, landmarks, strict=True)), size, torch.from_numpy(condition(landmarks, size)), windows)


@torch.inference_mode()
def compare(preset: str, frames: int, calls: int, clip: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Arithmetic and time of a frame by flow and part; and how far each of our flows is from the published one."""
    networks, scene, chosen = random_networks(preset), random_scene(frames), PRESETS["unet"][preset]
    flows = {
        "published": Published(networks, preset),
        "ours": Ours(networks, preset, quick=False),
        "ours, quick": Ours(networks, preset, quick=True),
    }
    results = {name: flow.run(scene, chosen.sampling_schedule(COMPARED)) for name, flow in flows.items()}
    for flow in flows.values():
        flow.recorder.counting = False
    for _ in range(calls):
        for flow in flows.values():
            flow.run(scene, chosen.sampling_schedule(1))
    costs = pd.concat([_costs(name, flow, clip) for name, flow in flows.items()], ignore_index=True)
    first, *others = flows
    outputs = {name: flow.recorder.outputs() for name, flow in flows.items()}
    differences = [_difference(name, results[name], results[first], outputs[name], outputs[first]) for name in others]
    return costs, pd.DataFrame(differences)


def _costs(name: str, flow: Published | Ours, clip: int) -> pd.DataFrame:
    counts, recorder = flow.counts(clip), flow.recorder
    rows = [
        {
            "flow": name,
            "part": part,
            "a frame": count,
            "GMAC": count * recorder.operations(part) / 1e9,
            "s": count * recorder.seconds(part),
        }
        for part, count in counts.items()
    ]
    whole = {"flow": name, "part": "whole", **{unit: sum(row[unit] for row in rows) for unit in ("GMAC", "s")}}
    return pd.DataFrame([*rows, whole])


def _difference(
    name: str,
    ours: tuple[Tensor, Tensor],
    published: tuple[Tensor, Tensor],
    our_steps: Sequence[Tensor],
    published_steps: Sequence[Tensor],
) -> dict[str, object]:
    levels = np.abs(to_pixels(ours[1]).astype(float) - to_pixels(published[1]))
    steps = [relative(*pair) for pair in zip(our_steps, published_steps, strict=True)]
    return {
        "flow": name,
        "network": max(steps),
        "latents": relative(ours[0], published[0]),
        "levels of 255": levels.mean(),
        "at most": levels.max(),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="published", choices=PRESETS["unet"])
    parser.add_argument("--frames", type=int, default=4, help="sampled at once (published: 20)")
    parser.add_argument("--calls", type=int, default=1, help="turns in which the parts are timed")
    parser.add_argument("--clip", type=int, default=250, help="frames of the clip that shares a reference")
    arguments = parser.parse_args()
    costs, differences = compare(arguments.preset, arguments.frames, arguments.calls, arguments.clip)
    print(f"{torch.get_num_threads()} threads, {arguments.frames} frames at once; a frame costs")
    print(costs.to_string(index=False, na_rep="", float_format="{:.4g}".format))
    whole = costs[costs.part == "whole"].set_index("flow")
    print("\npublished, times ours")
    print((whole.loc["published", ["GMAC", "s"]] / whole[["GMAC", "s"]]).to_string(float_format="{:.3f}".format))
    print(f"\nlargest relative difference from published in {COMPARED} steps, and of the pictures")
    print(differences.to_string(index=False, float_format="{:.2g}".format))
