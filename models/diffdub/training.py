"""DiffDub's two training stages: losses and optimisers (DiffDub specification, section 6)."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoints import read_weights
from models.diffdub.checkpoints import convert
from models.diffdub.data import RendererData, SequenceData
from models.diffdub.losses import renderer_loss, sequence_loss
from models.diffdub.presets import PRESETS, RendererPreset
from models.diffdub.recipes import RECIPES, Recipe
from models.diffdub.rendering import paint, to_pixels
from models.diffusion import Known
from models.system import Clip
from models.training import StageTraining, Task, held_out, stage_task

SHOWN_STEPS = 10  # of a picture that is sampled for the eye during training


class RendererTraining(StageTraining):
    """Stage 1: encoder and UNet learn together to paint a frame's mouth window, from noise and another frame."""

    def __init__(self, preset: RendererPreset, recipe: Recipe) -> None:
        super().__init__(preset.build(), recipe)
        self.schedule = preset.training_schedule()
        self.prediction = preset.prediction
        self.shown = preset.sampling_schedule(min(preset.steps, SHOWN_STEPS))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch of `RendererData`."""
        target, latent = batch["target"], self._latent(batch)
        t = torch.randint(len(self.schedule), (len(target),), device=target.device)
        return renderer_loss(
            lambda x, t: self.network(x, t, latent),
            self.schedule,
            target,
            batch["reference"],
            batch["keep"],
            t,
            torch.randn_like(target),
            self.prediction,
        ).loss.mean()

    def pictures(self, batch: dict[str, Tensor]) -> np.ndarray:
        """The frame, the reference, and the frame with its window painted anew."""
        target, reference, keep = batch["target"], batch["reference"], batch["keep"]
        noise, known = torch.randn_like(target), Known(target, keep)
        made = paint(self.network, known, reference, self._latent(batch), noise, self.shown, "ddim", self.prediction)
        return np.stack(
            [to_pixels(images) for images in (target, reference, torch.where(keep > 0, target, made))], axis=1
        )

    def _latent(self, batch: dict[str, Tensor]) -> Tensor:
        with torch.autocast(batch["lips"].device.type, enabled=False):  # published: mixed precision in the UNet alone
            return self.network.encode(batch["lips"])


class SequenceTraining(StageTraining):
    """Stage 2: speech and reference latents to the latents that the renderer's encoder saw."""

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch of `SequenceData`."""
        prediction = self.network(batch["speech"], batch["references"])
        return sequence_loss(prediction.float(), batch["target"], batch["mask"])


def task(
    stage: str, preset: str, options: dict, clips: Sequence[Clip], weights: Mapping[str, Path] | None = None
) -> Task:
    """One stage's training. `options` override the preset's steps, batch_size, learning_rate, precision and validation;
    `weights` may hold `initial` ones to start from: ours (.safetensors), or diffae's checkpoint for the published renderer."""
    recipe = RECIPES[stage][preset].overridden(options)
    learnt, held = held_out(clips, recipe.validation)
    if stage == "renderer":
        module = RendererTraining(PRESETS[stage][preset], recipe)
        data = RendererData(learnt, PRESETS[stage][preset], augmented=recipe.augmented)
        validation = RendererData(held, PRESETS[stage][preset], augmented=False) if held else None
        files = [path for clip in clips for path in (clip["view"], clip["transform"])]
    else:
        windows = partial(
            SequenceData, length=recipe.length, references=recipe.references, held_share=recipe.held_share
        )
        data, validation = windows(learnt), windows(held) if held else None
        module = SequenceTraining(PRESETS[stage][preset].build(*data.sizes), recipe)
        files = [path for clip in clips for path in (clip["latents"], clip["speech"])]
    initial = (weights or {}).get("initial")
    return stage_task(
        stage,
        preset,
        recipe,
        module,
        data,
        files,
        initial=initial,
        read=initial_weights,
        validation=validation,
        held=held,
    )


def initial_weights(path: Path) -> dict[str, Tensor]:
    """A network's weights from our own file, or the renderer's from diffae's."""
    return read_weights(path) if path.suffix == ".safetensors" else convert("diffae", path)
