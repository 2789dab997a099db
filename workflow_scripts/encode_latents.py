"""Encode every frame of the training clips with a system's trained encoder.

A later stage learns from these latents: a file for each clip, a table of tensors whose rows are the clip's frames.
"""

from pathlib import Path

from models.registry import get_system
from models.system import Clip, clips_from, weights_from
from toolkit import devices
from toolkit.files import atomic_path
from toolkit.log import job_log, progress


def encode_latents(
    clips: list[Clip], folder: str | Path, *, system: str, preset: str, weights: dict[str, Path]
) -> None:
    """Write `folder/{clip}.safetensors`. `weights` are those of the stages trained so far, by stage."""
    with devices.lease():
        from safetensors.torch import save_file

        device = devices.device()
        encoding = get_system(system).part("encoding")
        for clip in progress(clips, len(clips), "latents", "clip"):
            with atomic_path(Path(folder) / f"{clip.name}.safetensors") as partial:
                save_file(encoding.encode(weights, preset, clip, device), partial)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        encode_latents(
            clips_from(snakemake.input),
            snakemake.output.latents,
            weights=weights_from(snakemake.input),
            **snakemake.params,
        )
