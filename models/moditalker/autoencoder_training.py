"""The training of MToV's auto-encoders: of pictures, first alone and then against discriminators, and of landmarks.

(MoDiTalker specification, sections 8, 14.3 and 14.4.)
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.discriminators import PatchDiscriminator
from models.moditalker.components import start_with_components
from models.moditalker.presets import PRESETS, AutoencoderPreset
from models.moditalker.recipes import RECIPES, AutoencoderRecipe
from models.moditalker.video_data import RasterData, VideoData
from models.pictures import to_pixels
from models.system import Clip
from models.training import AdversarialTraining, Frozen, Task, held_out, stage_task
from models.training.losses import feature_matching, hinge_loss, perceptual_loss

SEEN = 16  # clips whose patches the first weights are made from
JUDGE = "lpips_vgg"  # the network that the preset's `perceptual` weighs
STARTS_FROM = {
    "rgb_autoencoder": (),
    "rgb_autoencoder_gan": ("rgb_autoencoder",),
    "motion_autoencoder": ("rgb_autoencoder_gan", "rgb_autoencoder"),
}
"""Stages whose weights a stage starts from: the first that there is."""


class AutoencoderTraining(AdversarialTraining):
    """An auto-encoder learns to give videos back, from some step on against a discriminator of one of its frames and one of
    all. Validation counts what is unlike the video alone: what the discriminators say moves with them."""

    recipe: AutoencoderRecipe

    def __init__(self, preset: AutoencoderPreset, recipe: AutoencoderRecipe, perceptual: Frozen | None) -> None:
        judges = {
            "frame": PatchDiscriminator(2, width=preset.judges),
            "video": PatchDiscriminator(3, width=preset.judges),
        }
        super().__init__(preset.build(), judges, recipe)
        self.perceptual = perceptual
        self.weights = {**recipe.weights, "perceptual": preset.perceptual}

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """How unlike the videos of a batch of `VideoData` are to what becomes of them."""
        video = batch["video"]
        self.parts = self._unlike(video, self.network(video).float(), any_frames(video))
        return weighted(self.parts, self.weights)

    def generator_loss(self, batch: dict[str, Tensor]) -> Tensor:
        video, number = batch["video"], any_frames(batch["video"])
        made = self.network(video).float()
        self.parts = self._unlike(video, made, number)
        if self.adversarial:
            self.parts |= against(self.discriminators, video, made, number)
        return weighted(self.parts, self.weights)

    def discriminator_loss(self, batch: dict[str, Tensor]) -> Tensor:
        video = batch["video"]
        with torch.no_grad():
            made = self.network(video).float()
        return self.weights["adversarial"] * judgement(self.discriminators, video, made, any_frames(video))

    def pictures(self, batch: dict[str, Tensor]) -> np.ndarray:
        """The first frame and the middle one, each before what becomes of it."""
        video = batch["video"]
        made, numbers = self.network(video), (0, video.shape[2] // 2)
        return np.stack([to_pixels(x[:, :, number]) for number in numbers for x in (video, made)], axis=1)

    def _unlike(self, video: Tensor, made: Tensor, number: Tensor) -> dict[str, Tensor]:
        return reconstruction(video, made, number, self.perceptual, self.recipe.pixel_power)


def any_frames(video: Tensor) -> Tensor:
    """The number of a random frame of each of videos (n, 3, t, h, w)."""
    return torch.randint(video.shape[2], (len(video),), device=video.device)


def frames(video: Tensor, number: Tensor) -> Tensor:
    """Of videos (n, 3, t, h, w) the frames (n, 3, h, w) with the numbers (n,)."""
    return video[torch.arange(len(video), device=video.device), :, number]


def reconstruction(
    video: Tensor, made: Tensor, number: Tensor, perceptual: Frozen | nn.Module | None, power: int = 1
) -> dict[str, Tensor]:
    """How unlike videos (n, 3, t, h, w) are, as scalars: in a `power` of their pixels, and to LPIPS in one frame of each."""
    parts = {"pixels": (video - made).abs().pow(power).mean()}
    if perceptual is not None:
        parts["perceptual"] = perceptual(frames(video, number), frames(made, number)).mean()
    return parts


def against(judges: Mapping[str, nn.Module], video: Tensor, made: Tensor, number: Tensor) -> dict[str, Tensor]:
    """What the discriminators of a `frame` and of the `video` say of made videos: their logits, and how unlike the features
    are to those of the true ones."""
    parts = {"adversarial": video.new_zeros(()), "matching": video.new_zeros(())}
    for judge, true, false in _judged(judges, video, made, number):
        with torch.no_grad():
            _, wanted = judge.features(true)
        logits, found = judge.features(false)
        parts["adversarial"] = parts["adversarial"] - logits.float().mean()
        parts["matching"] = parts["matching"] + feature_matching(wanted, found)
    return parts


def judgement(judges: Mapping[str, nn.Module], video: Tensor, made: Tensor, number: Tensor) -> Tensor:
    """The discriminators' own loss, a scalar."""
    judged = _judged(judges, video, made, number)
    return sum(hinge_loss(judge(true).float(), judge(false).float()) for judge, true, false in judged)


def weighted(parts: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The sum of a loss's parts, each with its weight."""
    return sum(weights[name] * part for name, part in parts.items())


def _judged(
    judges: Mapping[str, nn.Module], video: Tensor, made: Tensor, number: Tensor
) -> list[tuple[nn.Module, Tensor, Tensor]]:
    return [(judges["frame"], frames(video, number), frames(made, number)), (judges["video"], video, made)]


def autoencoder_task(
    stage: str, preset: str, options: dict, clips: Sequence[Clip], weights: Mapping[str, Path] | None = None
) -> Task:
    """The training of one of the stages in `STARTS_FROM`. `options` override the preset's steps, batch_size, learning_rate,
    precision and validation. `weights` may hold `initial` ones of ours (.safetensors) to start from, else those of an
    earlier stage, and has those of LPIPS where the preset learns with it."""
    weights, recipe, chosen = weights or {}, RECIPES[stage][preset].overridden(options), PRESETS[stage][preset]
    learnt, held = held_out(clips, recipe.validation)
    module = AutoencoderTraining(chosen, recipe, perceptual_loss(weights[JUDGE]) if chosen.perceptual else None)
    network, kinds = module.network, ("view", "transform")
    batches = partial(VideoData, size=network.size, frames=network.frames)
    if stage == "motion_autoencoder":
        batches = partial(RasterData, size=network.size, frames=network.frames, raster=chosen.raster())
        network.decoder.requires_grad_(False)
        kinds = ("transform",)
    data = batches(learnt)
    starts = [weights[name] for name in ("initial", *STARTS_FROM[stage]) if name in weights]
    if chosen.components and not starts:
        start_with_components(network, data.batch(np.random.default_rng(0), SEEN)["video"])
    return stage_task(
        stage,
        preset,
        recipe,
        module,
        data,
        [clip[kind] for clip in clips for kind in kinds],
        initial=starts[0] if starts else None,
        averaged=("network",),
        validation=batches(held) if held else None,
        held=held,
    )
