"""MoDiTalker's first-stage losses, put together from the parts that adversarial stages share."""

import re

import fill
import torch
from harness import by_call, network
from torch import Tensor, nn

from models.discriminators import PatchDiscriminator
from models.perception.lpips import LPIPS
from models.training.losses import feature_matching, hinge_loss

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
    config, video, generated = case["config"], inputs["video"], inputs["reconstruction"]
    both, clips = judges(case), torch.arange(len(video))
    frame, generated_frame = (x[clips, :, inputs["frame_index"]] for x in (video, generated))
    l1 = (video - generated).abs().mean()
    perceptual = perceptual_network(case)(frame, generated_frame).mean()
    adversarial, matching, hinge = 0.0, 0.0, 0.0
    for judge, real, fake in (
        (both.discriminator_2d, frame, generated_frame),
        (both.discriminator_3d, video, generated),
    ):
        (real_logits, real_features), (fake_logits, fake_features) = judge.features(real), judge.features(fake)
        adversarial = adversarial - fake_logits.mean()
        matching = matching + feature_matching(real_features, fake_features)
        hinge = hinge + hinge_loss(real_logits, fake_logits)
    plain = config["pixelloss_weight"] * l1 + config["perceptual_weight"] * perceptual
    against = config["disc_weight"] * adversarial + config["feature_weight"] * matching
    started = {"": 1.0, "_before_start": 0.0}
    return {
        **{f"generator{phase}": (plain + factor * against).reshape(1) for phase, factor in started.items()},
        **{
            f"discriminator{phase}": factor * config["disc_weight"] * hinge.reshape(1)
            for phase, factor in started.items()
        },
    }


ADAPTERS = {"moditalker/mtov_first_stage_loss": by_call({r"\w+": losses})}
