"""The losses that MoDiTalker's auto-encoders are trained by."""

import re

import fill
import torch
from harness import by_call, network
from torch import Tensor, nn

from models.discriminators import PatchDiscriminator
from models.moditalker.autoencoder_training import against, judgement, reconstruction, weighted
from models.moditalker.recipes import AutoencoderRecipe
from models.perception.lpips import LPIPS

Tensors = dict[str, Tensor]


class Judges(nn.Module):
    """Both discriminators, under the case's names."""

    def __init__(self) -> None:
        super().__init__()
        self.discriminator_2d, self.discriminator_3d = PatchDiscriminator(2), PatchDiscriminator(3)


def perceptual_network(case: dict) -> LPIPS:
    """LPIPS with the case's weights, whose VGG layers stand in slices there; its scaling is ours as a constant."""
    names = {
        name: re.sub(r"^(net\.slice\d+\.)", "features.", name.removeprefix("perceptual_loss."))
        for name in case["tensors"]
        if not name.startswith("discriminator_") and "scaling_layer" not in name
    }
    weights = fill.state_dict(case)
    built = LPIPS("vgg")
    built.load_state_dict({ours: weights[name] for name, ours in names.items()})
    return built.eval()


def judges(case: dict) -> Judges:
    tensors = {name: entry for name, entry in case["tensors"].items() if name.startswith("discriminator_")}
    return network(case | {"tensors": tensors}, Judges)


def losses(case: dict, call: str, inputs: Tensors) -> Tensors:
    config, video, made, number = case["config"], *(inputs[name] for name in ("video", "reconstruction", "frame_index"))
    recipe = AutoencoderRecipe(
        steps=1,
        batch_size=1,
        pixel_weight=config["pixelloss_weight"],
        adversarial_weight=config["disc_weight"],
        matching_weight=config["feature_weight"],
    )
    weights = {**recipe.weights, "perceptual": config["perceptual_weight"]}
    both = judges(case)
    named = {"frame": both.discriminator_2d, "video": both.discriminator_3d}
    plain = reconstruction(video, made, number, perceptual_network(case))
    parts = plain | against(named, video, made, number)
    judged = weights["adversarial"] * judgement(named, video, made, number)
    return {
        "generator": weighted(parts, weights).reshape(1),
        "generator_before_start": weighted(plain, weights).reshape(1),
        "discriminator": judged.reshape(1),
        "discriminator_before_start": torch.zeros(1),  # they do not learn
    }


ADAPTERS = {"moditalker/mtov_first_stage_loss": by_call({r"\w+": losses})}
