"""MToV's UNet and its sampling by the shared DDIM."""

import math
import re

import torch
from harness import by_call, network
from torch import Tensor, nn

from models.diffusion import Denoiser, Schedule, ddim, scaled_linear_schedule, truncated
from models.moditalker.checkpoints import UNUSED_BY_UNET
from models.moditalker.unet import PlaneUNet

Tensors = dict[str, Tensor]
PREFIX = "diffusion_model"


def unet(case: dict) -> PlaneUNet:
    config = case["config"]
    tensors = {
        name: entry
        for name, entry in case["tensors"].items()
        if not UNUSED_BY_UNET.match(name.removeprefix(f"{PREFIX}."))
    }

    def build() -> nn.Module:
        built = PlaneUNet(
            size=config["image_size"],
            channels=config["in_channels"],
            width=config["model_channels"],
            multipliers=config["channel_mult"],
            attention=[int(math.log2(factor)) for factor in config["attention_resolutions"]],
            blocks=config["num_res_blocks"],
            heads=config["num_heads"],
        )
        return nn.ModuleDict({PREFIX: built})

    return network(case | {"tensors": tensors}, build)[PREFIX]


def forward(case: dict, call: str, inputs: Tensors) -> Tensors:
    names = ("latent", "timesteps", "landmark_latent", "masked_latent", "reference_xy")
    return {"eps": unet(case)(*(inputs[name] for name in names))}


def latents(case: dict, inputs: Tensors, x: Tensor, kept: Schedule) -> Tensors:
    """The last latent of each sampling from x whose eta an output's name says."""
    built, limit = unet(case), case["config"]["clip_x0"][1]

    def predict(x: Tensor, t: Tensor) -> Tensor:
        return built(x, t, inputs["landmark_latent"], inputs["masked_latent"], inputs["reference_latent"])

    def step_noise(position: int) -> Tensor:
        return inputs["step_noise"][len(kept) - 1 - position]

    denoiser = Denoiser(predict, limit=limit, recompute_noise=False)
    return {
        name: list(ddim(denoiser, x, kept, eta=float(name.removeprefix("latent_eta")), step_noise=step_noise))[-1]
        for name in case["shapes"]
    }


def whole_schedule(case: dict) -> Schedule:
    """That of the case's words, "sqrt-linear FIRST..LAST, COUNT steps"."""
    words = re.fullmatch(r"sqrt-linear ([\d.]+)\.\.([\d.]+), (\d+) steps", case["config"]["beta_schedule"])
    first, last, count = words.groups()
    return scaled_linear_schedule(int(count), float(first), float(last))


def from_noise(case: dict, call: str, inputs: Tensors) -> Tensors:
    return latents(case, inputs, inputs["noise"], truncated(whole_schedule(case), int(inputs["steps"])))


def from_reference(case: dict, call: str, inputs: Tensors) -> Tensors:
    """From the reference's latent, noised as far as the last `ratio` of the steps begins."""
    whole, steps = whole_schedule(case), int(inputs["steps"])
    ratio = round(float(inputs["ratio"]), 6)  # stored in float32
    reference = inputs["reference_latent"]
    position = torch.full((len(reference),), int(len(whole) * ratio))
    x = whole.noisy(reference, inputs["start_noise"], position)
    return latents(case, inputs, x, truncated(whole, steps).head(int(steps * ratio)))


ADAPTERS = {
    "moditalker/mtov_unet": by_call({r"forward\w*": forward}),
    "moditalker/mtov_sampler": by_call({r"from_noise\w*": from_noise, r"from_reference\w*": from_reference}),
}
