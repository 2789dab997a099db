"""MToV's auto-encoder, its discriminators and LPIPS on our code."""

from copy import deepcopy
from functools import partial

from harness import by_call, network, number
from torch import Tensor

from adapters.moditalker_losses import perceptual_network
from models.discriminators import PatchDiscriminator
from models.moditalker.autoencoder import VideoAutoencoder

Tensors = dict[str, Tensor]


def autoencoder(case: dict) -> VideoAutoencoder:
    config = case["config"]["ddconfig"]
    patch = round((case["tensors"]["encoder.to_patch_embedding.weight"]["shape"][1] / config["in_channels"]) ** 0.5)
    return network(
        case,
        lambda: VideoAutoencoder(
            size=config["resolution"],
            frames=config["timesteps"],
            patch=patch,
            channels=config["channels"],
            latent_channels=case["config"]["embed_dim"],
            colours=config["in_channels"],
        ),
    )


def frames_of(video: Tensor) -> Tensor:
    return video.transpose(1, 2).flatten(0, 1)


def video_of(inputs: Tensors) -> Tensor:
    return inputs["row"][..., :, None] * inputs["col"][..., None, :]


def extract(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"latent": autoencoder(case).encode(video_of(inputs))}


def shown(case: dict, call: str, video: Tensor) -> Tensors:
    frames = frames_of(video)
    step = number(case["calls"][call]["returns"], r"every (\d+)\w\w pixel", 1)
    return {"frames_strided": frames[..., ::step, ::step], "frame_means": frames.mean(dim=(2, 3))}


def decode(case: dict, call: str, inputs: Tensors) -> Tensors:
    return shown(case, call, autoencoder(case).decode(inputs["latent"]))


def reconstruct(case: dict, call: str, inputs: Tensors) -> Tensors:
    built, video = autoencoder(case), video_of(inputs)
    step = number(case["calls"][call]["returns"], r"every (\d+)\w\w channel", 1)
    features = built.features(built.encode(video))  # the published encoder ends there
    return {"features_strided": features[:, ::step], **shown(case, call, built(video))}


def judge(case: dict, call: str, inputs: Tensors, dims: int) -> Tensors:
    config, text = case["config"], case["calls"][call]["returns"]
    settings = {"channels": config["input_nc"], "width": config["ndf"], "layers": config["n_layers"]}
    built = network(case, lambda: PatchDiscriminator(dims, **settings))
    if "training mode" in text:
        built = deepcopy(built).train()  # whose statistics change
    logits, features = built.features(inputs["x"])
    channels, positions = (number(text, pattern, 1) for pattern in (r"(\d+)\w\w channel", r"(\d+)\w\w position"))
    stages = {f"features{n}_strided": x.flatten(2)[:, ::channels, ::positions] for n, x in enumerate(features)}
    return {"logits": logits, **stages}


def distance(case: dict, call: str, inputs: Tensors) -> Tensors:
    found = perceptual_network(case)(inputs["x"], inputs["y"])
    return {"distance": found.reshape(-1, 1, 1, 1)}


AUTOENCODER = by_call({r"(extract|encode)\w*": extract, r"decode\w*": decode, r"reconstruct\w*": reconstruct})

ADAPTERS = {
    "moditalker/mtov_autoencoder": AUTOENCODER,
    "moditalker/mtov_autoencoder_256": AUTOENCODER,
    "moditalker/mtov_discriminator_2d": partial(judge, dims=2),
    "moditalker/mtov_discriminator_3d": partial(judge, dims=3),
    "moditalker/lpips_vgg": distance,
}
