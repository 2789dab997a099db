"""Train one stage of one system on the training clips.

The same script serves every system: the system says what is learnt from what (`training.task`), the one trainer runs
it, and the averaged weights are written with a note of how they came to be. Run again after an interruption, it goes on
from its checkpoint.
"""

from collections.abc import Sequence
from pathlib import Path

from models.registry import system as find_system
from models.system import Clip
from toolkit import devices
from toolkit.files import read_json
from toolkit.log import job_log


def train(
    weights: str | Path,
    checkpoints: str | Path,
    *,
    system: str,
    stage: str,
    preset: str,
    options: dict,
    seed: int,
    clips: list[Clip],
    verdicts: Sequence[str | Path],
    gpus: int = 1,
    workers: int = 0,
) -> None:
    """Write `weights` (.safetensors, and a .json beside it). `checkpoints` is where a killed run goes on from.

    `options` overrides the preset's training settings; `verdicts` are the clips' (`inspect_clip`), which know whether
    they are synthetic. `gpus` are trained on in parallel where the machine has them, and then
    `workers` processes decode pictures for each.
    """
    with devices.lease(gpus) as leased:
        import torch

        from models.checkpoints import write_weights
        from models.training import fit

        torch.manual_seed(seed)  # of the first weights; the trainer sees to the rest
        task = find_system(system).part("training").task(stage, preset, options, clips)
        used = min(gpus, len(leased))
        trained = fit(task, checkpoints, seed=seed, devices=used or 1, workers=workers if used else 0)
        record = {
            "system": system,
            "stage": stage,
            "preset": preset,
            "options": options,
            "steps": task.steps,
            "seed": seed,
            "clips": [clip.name for clip in clips],
            "synthetic_clips": sum(read_json(verdict)["media"]["synthetic"] for verdict in verdicts),
        }
        write_weights(weights, trained, record)


def clip_files(crops: list, transforms: list, speech: list | None = None, latents: str | None = None) -> list[Clip]:
    """The clips behind lists of files that stand in the same order."""
    return [
        Clip(Path(crop).stem, Path(crop), Path(transform), heard and Path(heard), latents and Path(latents))
        for crop, transform, heard in zip(crops, transforms, speech or [None] * len(crops), strict=True)
    ]


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        train(
            snakemake.output.weights,
            Path("results/checkpoints") / snakemake.params.system / snakemake.params.stage,
            clips=clip_files(
                snakemake.input.crops,
                snakemake.input.transforms,
                snakemake.input.get("speech"),
                snakemake.input.get("latents"),
            ),
            verdicts=snakemake.input.verdicts,
            gpus=snakemake.resources.get("gpu", 1),
            workers=snakemake.threads - 1,
            **snakemake.params,
        )
