"""Training of MToV's UNet (MoDiTalker specification, sections 10 and 14.5)."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.diffusion import Denoiser, sample, training_target
from models.moditalker.encoding import load_autoencoder, rgb_stage
from models.moditalker.latent_data import ClipLatents
from models.moditalker.presets import PRESETS, PlanePreset
from models.moditalker.recipes import RECIPES
from models.pictures import to_pixels
from models.system import Clip
from models.training import Frozen, Recipe, StageTraining, Task, held_out, stage_task

SHOWN_STEPS = 10  # of a clip that is sampled for the eye during training


class ClipTraining(StageTraining):
    """The UNet learns to take the noise from the latents of clips, which landmarks, the upper face and a reference explain.

    `rgb`, the auto-encoder of pictures, shows what becomes of it.
    """

    def __init__(self, preset: PlanePreset, recipe: Recipe, rgb: Frozen | None) -> None:
        super().__init__(preset.build(), recipe)
        self.schedule, self.prediction = preset.training_schedule(), preset.prediction
        self.shown = preset.sampling_schedule(min(preset.steps, SHOWN_STEPS), "noise")
        self.rgb = rgb

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch of `ClipLatents`."""
        image, reference = batch["image"], batch["reference"]
        t = torch.randint(len(self.schedule), (len(image),), device=image.device)
        noise = torch.randn_like(image)
        x = self.schedule.noisy(image, noise, t)
        output = self.network(x, t, batch["landmarks"], batch["masked"], reference)
        target = training_target(self.prediction, image, noise, self.schedule, t, base=reference)
        return (output.float() - target).square().mean()

    def pictures(self, batch: dict[str, Tensor]) -> np.ndarray | None:
        """The last frame of a clip, of its reference, of what is known of it, and of what is made from pure noise."""
        if self.rgb is None:
            return None
        image, masked, reference = batch["image"], batch["masked"], batch["reference"]
        prepared = self.network.prepare(batch["landmarks"], masked, reference)
        denoiser = Denoiser(lambda x, t: self.network.denoise(x, t, prepared), self.prediction, base=reference)
        made = sample("ddim", denoiser, torch.randn_like(image), self.shown)
        shown = [self.rgb.network.decode(latent)[:, :, -1] for latent in (image, reference, masked, made)]
        return np.stack([to_pixels(images) for images in shown], axis=1)


def mtov_task(
    stage: str, preset: str, options: dict, clips: Sequence[Clip], weights: Mapping[str, Path] | None = None
) -> Task:
    """The stage's training. `options` override the recipe's steps, batch_size, learning_rate, precision and validation.

    Clips have `latents`. `weights` may hold `initial` ones of ours to start from, and those of `rgb_autoencoder` or
    `rgb_autoencoder_gan`, which shows what the network makes.
    """
    weights, recipe, chosen = weights or {}, RECIPES[stage][preset].overridden(options), PRESETS[stage][preset]
    learnt, held = held_out(clips, recipe.validation)
    batches = partial(ClipLatents, reference=chosen.reference)
    shown = rgb_stage(weights)
    rgb = Frozen(load_autoencoder(weights[shown], shown, preset, "cpu")) if shown in weights else None
    return stage_task(
        stage,
        preset,
        recipe,
        ClipTraining(chosen, recipe, rgb),
        batches(learnt),
        [clip["latents"] for clip in clips],
        initial=weights.get("initial"),
        averaged=("network",),
        validation=batches(held) if held else None,
        held=held,
    )
