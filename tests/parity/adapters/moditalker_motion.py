"""AToM's network and its sampling by the shared DDIM."""

import re
from collections.abc import Callable
from functools import cache

import torch
from harness import by_call, network
from torch import Tensor

from models.diffusion import Denoiser, Schedule, cosine_schedule, ddim, guided, truncated
from models.moditalker.atom import UNUSED, MotionDecoder

Tensors = dict[str, Tensor]
Network = Callable[[Tensor, Tensor], Tensor]


def decoder(case: dict) -> MotionDecoder:
    config = case["config"]
    tensors = {name: entry for name, entry in case["tensors"].items() if not UNUSED.match(name)}
    return network(
        case | {"tensors": tensors},
        lambda: MotionDecoder(
            width=config["latent_dim"],
            heads=config["num_heads"],
            feed_forward=config["ff_size"],
            layers=config["num_layers"],
            audio_width=config["cond_feature_dim"],
            length=config["seq_len"],
        ),
    )


def forward(case: dict, call: str, inputs: Tensors) -> Tensors:
    built = decoder(case)
    conditions = built.conditions(inputs["reference"], inputs["hubert"])
    return {"conditional": built(inputs["motion"], inputs["timesteps"], conditions)}


def guidance(case: dict, call: str, inputs: Tensors) -> Tensors:
    x, t = inputs["motion"], inputs["timesteps"]
    return {
        "unconditional": decoder(case)(x, t, decoder(case).without(len(x))),
        "guided": guided_decoder(case, inputs, len(x), float(inputs["weight"]))(x, t),
    }


def guided_decoder(case: dict, inputs: Tensors, count: int, weight: float) -> Network:
    """The network of a batch of `count` that follows the conditions `weight` times as far as it would."""
    built = decoder(case)
    conditions, without = built.conditions(inputs["reference"], inputs["hubert"]), built.without(count)
    return guided(lambda x, t: built(x, t, conditions), lambda x, t: built(x, t, without), weight)


def sample(case: dict, call: str, inputs: Tensors) -> Tensors:
    """The outputs that the case names: residual or states, at an eta, with the clean motion clipped or not."""
    config, noise = case["config"], inputs["noise"]
    whole = cosine_schedule(config["n_timestep"])
    # The published tables are float32 throughout.
    kept = truncated(Schedule(whole.betas.float(), whole.steps), int(inputs["steps"]))
    predict = guided_decoder(case, inputs, len(noise), config["guidance_weight"])

    def step_noise(position: int) -> Tensor:
        return inputs["step_noise"][len(kept) - 1 - position]

    @cache
    def states(eta: float, limit: float | None) -> list[Tensor]:
        return list(ddim(Denoiser(predict, "start", limit=limit), noise, kept, eta=eta, step_noise=step_noise))

    outputs = {}
    for name, shape in case["shapes"].items():
        what, eta, unclipped = re.fullmatch(r"(residual|states)_eta([\d.]+)(_unclipped)?", name).groups()
        *before, last = states(float(eta), None if unclipped else config["clip_x0"][1])
        every = noise.shape[1] // shape[1]
        outputs[name] = torch.cat(before)[:, ::every] if what == "states" else last
    return outputs


def assemble(case: dict, call: str, inputs: Tensors) -> Tensors:
    motion = (inputs["residual"] + inputs["reference"]) / 10
    return {"landmarks": motion[0].unflatten(1, (-1, 3)) + inputs["key_mean_shape"]}


ADAPTERS = {
    "moditalker/atom": by_call({r"forward\w*": forward, r"guidance\w*": guidance}),
    "moditalker/atom_sampler": by_call({r"sample\w*": sample, r"assemble\w*": assemble}),
}
