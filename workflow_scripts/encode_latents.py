"""Write down what a system's trained encoder sees in every frame of the training clips.

A later stage learns to make these latents from speech. They fit into one file for all clips: a tensor (T, latent) for
each clip, under its name.
"""

from pathlib import Path

from models.registry import system as find_system
from models.system import Clip
from toolkit import devices
from toolkit.files import whole
from toolkit.log import job_log, progress


def encode_latents(
    clips: list[Clip], latents: str | Path, *, system: str, preset: str, weights: dict[str, Path]
) -> None:
    """Write `latents` (.safetensors). `weights` are those of the stages trained so far, by stage."""
    with devices.lease():
        from safetensors.torch import save_file

        device = devices.device()
        encoding = find_system(system).part("encoding")
        tensors = {
            clip.name: encoding.encode(weights, preset, clip, device)
            for clip in progress(clips, len(clips), "lip latents", "clip")
        }
        with whole(latents) as partial:
            save_file(tensors, partial)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        pairs = zip(snakemake.input.crops, snakemake.input.transforms, strict=True)
        encode_latents(
            [Clip(Path(crop).stem, Path(crop), Path(transform)) for crop, transform in pairs],
            snakemake.output.latents,
            weights={Path(path).stem: Path(path) for path in snakemake.input.weights},
            **dict(snakemake.params.items()),
        )
