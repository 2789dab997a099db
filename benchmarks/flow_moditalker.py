"""MToV's published flow beside ours on this machine's CPU, with random weights: arithmetic, time, and how equal they are.

    python -m benchmarks.flow_moditalker

published     for every clip of frames four encodes (the true frames, which nothing uses; the masked ones; the reference standing
              still; the landmarks), the whole UNet at every step, and a decode (specification, section 10)
ours          `models.moditalker.video_sampling`: the reference once a video, and what does not change between steps once

Both sample the same clips in a few DDIM steps from the same noise, without an overlap, which is counted and compared; then the
parts are timed by turns. Steps are all alike, so that a clip's figures are those of the parts times how often it needs them. An
operation is a multiply-accumulate.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks.recorder import Recorder, relative, shared
from models.diffusion import Denoiser, ddim, noise_for
from models.moditalker.encoding import Assembly, AutoEncoder, Latents, assembly
from models.moditalker.presets import PRESETS, PlanePreset
from models.moditalker.unet import PlaneUNet
from models.moditalker.video_sampling import Driving, VideoSampler
from models.pictures import to_pixels

COMPARED = 2  # steps of the comparison
NAME, SEED = "random", 0
OPTIONS = {
    "sampler": "ddim",
    "start": "reference",
    "overlap": 0,
    "use_last_as_reference": False,
    "clips_at_once": 1,
    "precision": "float32",
}
PARTS = ("encode", "prepare", "step", "decode")


class Networks(NamedTuple):
    """The auto-encoders of pictures and of landmarks, and the UNet."""

    rgb: AutoEncoder
    motion: AutoEncoder
    unet: PlaneUNet


class Published:
    """The published flow, on our networks' weights."""

    def __init__(self, networks: Networks, how: Assembly, preset: PlanePreset, steps: int) -> None:
        self.networks, self.recorder, self.preset = Networks(*shared(networks)), Recorder(PARTS), preset
        self.latents = Latents(self.networks.rgb, self.networks.motion, how)
        self.schedule = preset.sampling_schedule(steps, "reference")
        self.recorder.of_methods(self.networks.rgb, encode="encode", decode="decode")
        self.recorder.of_methods(self.networks.motion, encode="encode")
        self.step = self.recorder("step", self.networks.unet.forward)

    def counts(self, clips: int) -> dict[str, float]:
        """How often a clip of a video of `clips` clips needs each part."""
        return {"encode": 4, "step": len(self.preset.sampling_schedule(start="reference")), "decode": 1}

    def run(self, driving: Driving) -> Tensor:
        """The video (n, 3, t, size, size), one clip after the other."""
        frames = self.latents.rgb.frames
        starts = range(0, len(driving.aligned), frames)
        return torch.cat([self._clip(driving, number, range(at, at + frames)) for number, at in enumerate(starts)])

    def _clip(self, driving: Driving, number: int, pictures: range) -> Tensor:
        shown = driving.order[pictures]
        frames = [driving.frames[index] for index in shown]
        self.latents.video([frames])
        masked = self.latents.masked([frames], [driving.points[shown]])
        reference = self.latents.reference([driving.frames[driving.reference]])
        motion = self.latents.motion_of([driving.aligned[pictures]], len(frames[0]))

        def noise(step: str) -> Tensor:
            place = number if self.preset.noise == "fresh" else 0
            return noise_for(SEED, f"{NAME} {step}", place, masked.shape[1:])[None]

        whole = self.preset.training_schedule()
        x = whole.noisy(reference, noise("start"), torch.tensor([int(len(whole) * self.preset.ratio)]))
        denoiser = Denoiser(
            lambda x, t: self.step(x, t, motion, masked, reference),
            self.preset.prediction,
            base=reference,
            recompute_noise=False,
        )
        eta = self.preset.eta
        *_, made = ddim(denoiser, x, self.schedule, eta=eta, step_noise=lambda position: noise(f"step {position}"))
        return self.latents.decode(made)


class Ours:
    """`models.moditalker.video_sampling`."""

    def __init__(self, networks: Networks, how: Assembly, preset: PlanePreset, steps: int) -> None:
        rgb, motion, unet = shared(networks)
        self.recorder, self.preset = Recorder(PARTS), preset
        self.sampler = VideoSampler(Latents(rgb, motion, how), unet, preset, OPTIONS | {"steps": steps})
        self.recorder.of_methods(rgb, encode="encode", decode="decode")
        self.recorder.of_methods(motion, encode="encode")
        self.recorder.of_methods(unet, prepare="prepare", step="denoise")

    def counts(self, clips: int) -> dict[str, float]:
        """How often a clip of a video of `clips` clips needs each part."""
        steps = len(self.preset.sampling_schedule(start="reference"))
        return {"encode": 2 + 1 / clips, "prepare": 1, "step": steps, "decode": 1}

    def run(self, driving: Driving) -> Tensor:
        """The video (n, 3, t, size, size), one clip after the other."""
        return torch.stack(list(self.sampler._clips(driving, NAME, SEED)))


def random_networks(build: Callable[[], Networks]) -> Networks:
    """Networks with random weights, none of them zero."""
    torch.manual_seed(SEED)
    networks = build()
    for network in networks:
        network.eval().requires_grad_(False)
        for parameter in network.parameters():
            if not parameter.any():  # what closes a block begins at zero
                parameter.normal_(std=0.02)
    return networks


def networks_of(preset: str) -> Networks:
    """Fresh networks of a preset."""
    stages = ("rgb_autoencoder", "motion_autoencoder", "mtov")
    return Networks(*(PRESETS[stage][preset].build() for stage in stages))


def random_driving(length: int, side: int = 256) -> Driving:
    """Noise instead of faces, and landmarks anywhere in the middle."""
    random = np.random.default_rng(SEED)
    points = random.uniform(side / 4, side * 3 / 4, (2, length, 68, 2)).astype(np.float32)
    frames = random.integers(0, 256, (length, side, side, 3), np.uint8)
    return Driving(frames, points[0], points[1], np.arange(length))


@torch.inference_mode()
def compare(
    networks: Networks, how: Assembly, preset: PlanePreset, clips: int, calls: int, video: int
) -> tuple[pd.DataFrame, pd.Series]:
    """Arithmetic and time of a clip of frames by flow and part, in a video of `video` clips; and how far ours is from the
    published one after `clips` clips: the network's answers, the videos, their levels."""
    steps = round(COMPARED / preset.ratio)
    flows = {"published": Published(networks, how, preset, steps), "ours": Ours(networks, how, preset, steps)}
    driving = random_driving(clips * networks.rgb.frames)
    published, ours = (flow.run(driving) for flow in flows.values())
    answers = zip(*(flow.recorder.outputs() for flow in flows.values()), strict=True)
    levels = [to_pixels(made.movedim(2, 1).flatten(0, 1)).astype(float) for made in (published, ours)]
    difference = {
        "network": max(relative(one, other) for other, one in answers),
        "video": relative(ours, published),
        "levels of 255": np.abs(levels[0] - levels[1]).max(),
    }
    for flow in flows.values():
        flow.recorder.counting = False
    for _ in range(calls):
        for flow in flows.values():
            flow.run(driving)
    return pd.concat([_costs(name, flow, video) for name, flow in flows.items()]), pd.Series(difference)


def _costs(name: str, flow: Published | Ours, video: int) -> pd.DataFrame:
    counts, recorder = flow.counts(video), flow.recorder
    rows = [
        {
            "flow": name,
            "part": part,
            "a clip": count,
            "GMAC": count * recorder.operations(part) / 1e9,
            "s": count * recorder.seconds(part),
        }
        for part, count in counts.items()
    ]
    whole = {"flow": name, "part": "whole", **{unit: sum(row[unit] for row in rows) for unit in ("GMAC", "s")}}
    return pd.DataFrame([*rows, whole])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="published", choices=PRESETS["mtov"])
    parser.add_argument("--clips", type=int, default=1, help="sampled by each flow")
    parser.add_argument("--calls", type=int, default=1, help="turns in which the parts are timed")
    parser.add_argument("--video", type=int, default=16, help="clips of the video that shares a reference")
    arguments = parser.parse_args()
    networks = random_networks(lambda: networks_of(arguments.preset))
    preset = PRESETS["mtov"][arguments.preset]
    costs, difference = compare(
        networks, assembly(arguments.preset), preset, arguments.clips, arguments.calls, arguments.video
    )
    print(f"{torch.get_num_threads()} threads; a clip of {networks.rgb.frames} frames costs")
    print(costs.to_string(index=False, na_rep="", float_format="{:.4g}".format))
    whole = costs[costs.part == "whole"].set_index("flow")
    print("\npublished, times ours")
    print(
        (whole.loc["published", ["GMAC", "s"]] / whole.loc["ours", ["GMAC", "s"]]).to_string(
            float_format="{:.3f}".format
        )
    )
    print(f"\nlargest difference from published in {COMPARED} steps")
    print(difference.to_string(float_format="{:.2g}".format))
