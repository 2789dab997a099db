"""Train one stage of one system on the training clips.

The same script serves every system: the system says what is learnt from what (`training.task`), the one trainer runs
it, and the averaged weights are written with a record of how they came to be. Run again after an interruption, it goes on
from its checkpoint.
"""

from pathlib import Path

from models.registry import get_system
from models.system import Clip, clips_from, weights_from
from toolkit import devices
from toolkit.commit import commit
from toolkit.files import read_json
from toolkit.log import job_log


def train(
    output: str | Path,
    *,
    checkpoints: str | Path,
    system: str,
    stage: str,
    preset: str,
    options: dict,
    seed: int,
    clips: list[Clip],
    weights: dict[str, Path] | None = None,
    gpus: int = 1,
    workers: int = 0,
) -> None:
    """Write the weights `output` (.safetensors, and a .json beside it). `checkpoints` is where a killed run goes on from.

    `options` overrides the preset's training settings. Every clip has its `verdict` (`inspect_clip`), which knows whether it
    is synthetic. `weights` are those of earlier stages and of other networks by
    stem, and `initial` ones to start from. `gpus` are trained on in parallel where the machine has them, and then
    `workers` processes decode pictures for each.
    """
    with devices.lease(gpus) as leased:
        import torch

        from models.checkpoints import write_weights
        from models.training import fit, trained_steps

        torch.manual_seed(seed)  # of the first weights; the trainer sees to the rest
        task = get_system(system).part("training").task(stage, preset, options, clips, weights or {})
        used = min(gpus, len(leased))
        trained = fit(task, checkpoints, seed=seed, devices=used or 1, workers=workers if used else 0)
        record = {
            "system": system,
            "stage": stage,
            "preset": preset,
            "options": options,
            "steps": trained_steps(checkpoints),
            "seed": seed,
            "clips": [clip.name for clip in clips],
            "held_out_clips": list(task.held_out),
            "synthetic_clips": sum(read_json(clip["verdict"])["media"].get("synthetic", False) for clip in clips),
            "commit": commit(),
        }
        write_weights(output, trained, record)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        train(
            snakemake.output.weights,
            clips=clips_from(snakemake.input),
            weights=weights_from(snakemake.input),
            gpus=snakemake.resources.get("gpu", 1),
            workers=snakemake.threads - 1,
            **snakemake.params,
        )
