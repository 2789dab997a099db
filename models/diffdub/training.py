"""DiffDub's two training stages: losses and optimisers (DiffDub specification, section 6)."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import lightning.pytorch as lightning
import torch
from torch import Tensor

from models.checkpoints import load_weights, read_weights
from models.diffdub.checkpoints import convert
from models.diffdub.data import RendererData, SequenceData
from models.diffdub.losses import renderer_loss, sequence_loss
from models.diffdub.presets import RENDERER, SEQUENCE, RendererPreset
from models.diffdub.recipes import RECIPES, Recipe
from models.system import Clip
from models.training import Task


class StageTraining(lightning.LightningModule):
    """What both stages share: the module's answer to a batch is its loss, and the recipe says how it falls."""

    def __init__(self, network: torch.nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        loss = self(batch)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> dict:
        return optimisation(self, self.recipe)


class RendererTraining(StageTraining):
    """Stage 1: encoder and UNet learn together to paint a frame's mouth window, from noise and another frame."""

    def __init__(self, preset: RendererPreset, recipe: Recipe) -> None:
        super().__init__(preset.build(), recipe)
        self.schedule = preset.training_schedule()
        self.prediction = preset.prediction

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch of `RendererData`."""
        target = batch["target"]
        with torch.autocast(target.device.type, enabled=False):  # published: mixed precision in the UNet alone
            latent = self.network.encode(batch["lips"])
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


class SequenceTraining(StageTraining):
    """Stage 2: speech and reference latents to the latents that the renderer's encoder saw."""

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch of `SequenceData`."""
        prediction = self.network(batch["speech"], batch["references"])
        return sequence_loss(prediction.float(), batch["target"], batch["mask"])


def optimisation(module: torch.nn.Module, recipe: Recipe) -> dict:
    """AdamW and the recipe's course of the learning rate, in Lightning's form."""
    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, recipe))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def rate(step: int, recipe: Recipe) -> float:
    """Share of the learning rate at a step: a rising ramp, one, a falling ramp."""
    rising = (step + 1) / recipe.warmup if recipe.warmup else 1.0
    falling = (recipe.steps - step) / (recipe.decay * recipe.steps) if recipe.decay else 1.0
    return min(rising, 1.0, falling)


def task(stage: str, preset: str, options: dict, clips: Sequence[Clip]) -> Task:
    """One stage's training. `options` override the preset's steps, batch_size, learning_rate and precision where given;
    `initial` names weights to start from: ours (.safetensors), or diffae's checkpoint for the published renderer."""
    chosen = {
        name: options[name] for name in ("steps", "batch_size", "learning_rate", "precision") if options.get(name)
    }
    recipe = replace(RECIPES[stage][preset], **chosen)
    if stage == "renderer":
        module = RendererTraining(RENDERER[preset], recipe)
        data = RendererData(clips, RENDERER[preset], augmented=recipe.augmented)
        files = [path for clip in clips for path in (clip.crop, clip.transform)]
    else:
        data = SequenceData(clips, recipe.length, recipe.references, recipe.held_share)
        module = SequenceTraining(SEQUENCE[preset].build(*data.sizes), recipe)
        files = [clips[0].latents, *(clip.speech for clip in clips)]
    if options.get("initial"):
        load_weights(module.network, initial_weights(Path(options["initial"])), options["initial"])
    return Task(
        module=module,
        network="network",
        data=data,
        batch_size=recipe.batch_size,
        steps=recipe.steps,
        ema_decay=recipe.ema_decay,
        ema_warmup=recipe.ema_warmup,
        precision=recipe.precision,
        gradient_clip=recipe.gradient_clip,
        settings={"stage": stage, "preset": preset, **course(recipe), "initial": options.get("initial")},
        files=files,
    )


def course(recipe: Recipe) -> dict:
    """What decides a run's course: everything, but where the learning rate stays the same, for how long."""
    settings = asdict(recipe)
    if not recipe.decay:
        del settings["steps"]
    return settings


def initial_weights(path: Path) -> dict[str, Tensor]:
    """A network's weights from our own file, or the renderer's from diffae's."""
    return read_weights(path) if path.suffix == ".safetensors" else convert("diffae", path)
