"""DiffTalk's two training stages: losses and optimisers (DiffTalk specification, sections 7.1 and 8.1; Esser et al. 2021)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.difftalk.data import FaceData, LatentData
from models.difftalk.encoding import load_first_stage
from models.difftalk.presets import PRESETS, FirstStagePreset, UNetPreset
from models.difftalk.recipes import RECIPES, FirstStageRecipe
from models.diffusion import Denoiser, sample, training_target
from models.discriminators import PatchDiscriminator
from models.pictures import to_pixels
from models.system import Clip
from models.training import AdversarialTraining, Frozen, Recipe, StageTraining, Task, held_out, stage_task
from models.training.losses import adaptive_weight, hinge_loss, perceptual_loss

SHOWN_STEPS = 10  # of a picture that is sampled for the eye during training
JUDGE = "lpips_vgg"  # the network that the preset's `perceptual` weighs


class FirstStageTraining(AdversarialTraining):
    """The auto-encoder learns to give pictures back, against a discriminator of their patches from some step on.

    Codes that no latent of the last steps was nearest to are put where a random latent is: a codebook that starts at random
    otherwise stays at the few that were nearest first (Dhariwal et al. 2020, section 3.1).
    """

    recipe: FirstStageRecipe

    def __init__(self, preset: FirstStagePreset, recipe: FirstStageRecipe, perceptual: Frozen | None) -> None:
        super().__init__(preset.build(), {"patches": PatchDiscriminator()}, recipe)
        self.perceptual, self.perceptual_weight = perceptual, preset.perceptual
        self.register_buffer("used", torch.zeros(self.network.quantize.embedding.num_embeddings, dtype=torch.bool))

    def generator_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch of `FaceData`."""
        image = batch["image"]
        latents = self.network.encode(image)
        nearest = self.network.quantize(latents)
        made = self.network.decode(nearest.latents, quantised=False).float()
        loss = (made - image).abs().mean()
        self.parts = {"reconstruction": loss, "quantiser": nearest.loss}
        if self.perceptual:
            self.parts["perceptual"] = self.perceptual(made, image).mean()
            loss = loss + self.perceptual_weight * self.parts["perceptual"]
        if self.adversarial:
            against = -self.discriminators["patches"](made).float().mean()
            last = self.network.decoder.conv_out.weight
            loss = loss + self.recipe.adversarial_weight * adaptive_weight(loss, against, last) * against
            self.parts["adversarial"] = against
        if self.training:
            self._revive(latents.detach(), nearest.indices)
        return loss + nearest.loss

    def discriminator_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Of the pictures and of what the auto-encoder makes of them."""
        with torch.no_grad():
            made, _ = self.network(batch["image"])
        judge = self.discriminators["patches"]
        return hinge_loss(judge(batch["image"]).float(), judge(made).float())

    def pictures(self, batch: dict[str, Tensor]) -> np.ndarray:
        """The picture, and what the auto-encoder gives back."""
        made, _ = self.network(batch["image"])
        return np.stack([to_pixels(images) for images in (batch["image"], made)], axis=1)

    @torch.no_grad()
    def _revive(self, latents: Tensor, indices: Tensor) -> None:
        """Note which codes were used and, every few steps of the first half, put the others where latents (n, c, h, w) are:
        the same ones in every process."""
        self.used[indices.unique()] = True
        step = self.batch_number // self.recipe.accumulate
        if step % self.recipe.revived_every or step >= self.recipe.steps // 2:
            return
        used = self.all_gather(self.used.int()).reshape(-1, len(self.used)).any(dim=0)
        codes = self.network.quantize.embedding.weight
        vectors = latents.float().movedim(1, -1).flatten(0, -2)
        chosen = vectors[torch.randint(len(vectors), (len(codes),), device=vectors.device)]
        codes.copy_(self.trainer.strategy.broadcast(torch.where(used[:, None], codes, chosen)))
        self.used.zero_()


class LatentTraining(StageTraining):
    """The network learns to take the noise from a frame's latents, which its lower part, a reference and speech explain.

    `first_stage` shows what becomes of it.
    """

    def __init__(self, preset: UNetPreset, recipe: Recipe, speech_width: int, first_stage: Frozen | None) -> None:
        super().__init__(preset.build(speech_width), recipe)
        self.schedule, self.prediction = preset.training_schedule(), preset.prediction
        self.shown = preset.sampling_schedule(min(preset.steps, SHOWN_STEPS))
        self.first_stage = first_stage

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch of `LatentData`."""
        image, reference = batch["image"], batch["reference"]
        t = torch.randint(len(self.schedule), (len(image),), device=image.device)
        noise = torch.randn_like(image)
        context = self.network.context(batch["speech"], batch["landmarks"])
        output = self.network(self.schedule.noisy(image, noise, t), t, batch["masked"], reference, context)
        target = training_target(self.prediction, image, noise, self.schedule, t, base=reference)
        return (output.float() - target).square().mean()

    def pictures(self, batch: dict[str, Tensor]) -> np.ndarray | None:
        """The frame, the reference, and what is painted of nothing known but the frame's upper part."""
        if self.first_stage is None:
            return None
        image, masked, reference = batch["image"], batch["masked"], batch["reference"]
        context = self.network.context(batch["speech"], batch["landmarks"])
        prepared = self.network.prepare(masked, reference, context)
        denoiser = Denoiser(
            lambda x, t: self.network.denoise(x, t, prepared), self.prediction, base=reference, limit=None
        )
        made = sample("ddim", denoiser, torch.randn_like(image), self.shown)
        decode = self.first_stage.network.decode
        return np.stack([to_pixels(decode(latents)) for latents in (image, reference, made)], axis=1)


def task(
    stage: str, preset: str, options: dict, clips: Sequence[Clip], weights: Mapping[str, Path] | None = None
) -> Task:
    """One stage's training. `options` override the preset's steps, batch_size, learning_rate, precision and validation, and
    say whether the network's gradient is computed in less memory (`gradient_checkpointing`). `weights` may hold `initial`
    ones of ours (.safetensors) to start from; the first stage's, which shows what the network paints; and those of LPIPS,
    which the first stage needs where its preset learns with it."""
    weights, recipe, chosen = weights or {}, RECIPES[stage][preset].overridden(options), PRESETS[stage][preset]
    learnt, held = held_out(clips, recipe.validation)
    if stage == "first_stage":
        helper = perceptual_loss(weights[JUDGE]) if chosen.perceptual else None
        batches, kinds, averaged = partial(FaceData, size=chosen.size), ("view", "transform"), ("network",)
        data = batches(learnt)
        module = FirstStageTraining(chosen, recipe, helper)
    else:
        if options.get("gradient_checkpointing"):
            chosen = replace(chosen, network={**chosen.network, "recompute": True})
        batches, kinds, averaged = LatentData, ("latents", "transform", "speech"), ("network.unet",)
        data = batches(learnt)
        path = weights.get("first_stage")
        first_stage = Frozen(load_first_stage(path, preset, "cpu")) if path else None
        module = LatentTraining(chosen, recipe, data.speech_width, first_stage)
    return stage_task(
        stage,
        preset,
        recipe,
        module,
        data,
        [clip[kind] for clip in clips for kind in kinds],
        initial=weights.get("initial"),
        averaged=averaged,  # published: the encoders of conditions have no average
        validation=batches(held) if held else None,
        held=held,
    )
