"""AToM's network and its sampling by the shared DDIM."""

import re

import torch
from harness import by_call, network
from networks.atom import UNUSED, MotionDecoder
from torch import Tensor

from models.diffusion import Denoiser, Schedule, cosine_schedule, ddim, guided, truncated

Tensors = dict[str, Tensor]


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
    built = decoder(case)
    conditions = built.conditions(inputs["reference"], inputs["hubert"])
    without = built.without(len(inputs["motion"]))
    predict = guided(lambda x, t: built(x, t, conditions), lambda x, t: built(x, t, without), float(inputs["weight"]))
    return {
        "unconditional": built(inputs["motion"], inputs["timesteps"], without),
        "guided": predict(inputs["motion"], inputs["timesteps"]),
    }


def sample(case: dict, call: str, inputs: Tensors) -> Tensors:
    """Every output that a name asks for: residual or states, at an eta, with the clean motion clipped or not."""
    config, built = case["config"], decoder(case)
    # The published tables are float32 throughout.
    whole = cosine_schedule(config["n_timestep"])
    kept = truncated(Schedule(whole.betas.float(), whole.steps), int(inputs["steps"]))
    conditions = built.conditions(inputs["reference"], inputs["hubert"])
    without = built.without(len(inputs["noise"]))
    predict = guided(lambda x, t: built(x, t, conditions), lambda x, t: built(x, t, without), config["guidance_weight"])
    outputs, states = {}, {}
    for name, shape in case["shapes"].items():
        what, eta, unclipped = re.fullmatch(r"(residual|states)_eta([\d.]+)(_unclipped)?", name).groups()
        if (eta, unclipped) not in states:
            denoiser = Denoiser(predict, "start", limit=None if unclipped else config["clip_x0"][1])
            states[eta, unclipped] = list(
                ddim(
                    denoiser,
                    inputs["noise"],
                    kept,
                    eta=float(eta),
                    step_noise=lambda position: inputs["step_noise"][len(kept) - 1 - position],
                )
            )
        *before, last = states[eta, unclipped]
        if what == "residual":
            outputs[name] = last
        else:
            every = last.shape[1] // shape[1]
            outputs[name] = torch.cat(before)[:, ::every]
    return outputs


def assemble(case: dict, call: str, inputs: Tensors) -> Tensors:
    motion = (inputs["residual"] + inputs["reference"]) / 10
    return {"landmarks": motion[0].unflatten(1, (-1, 3)) + inputs["key_mean_shape"]}


ADAPTERS = {
    "moditalker/atom": by_call({r"forward\w*": forward, r"guidance\w*": guidance}),
    "moditalker/atom_sampler": by_call({r"sample\w*": sample, r"assemble\w*": assemble}),
}
