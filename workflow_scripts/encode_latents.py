"""Encode every frame of the training clips with a system's trained encoder.

A later stage learns from these latents: a file for each clip, a table of tensors whose rows are the clip's frames, and beside
it what it was made of. A run that was killed goes on with the clips that are missing.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from models.registry import get_system
from models.system import Clip, clips_from, weights_from
from toolkit import devices
from toolkit.files import atomic_path, read_json, sha256, write_json
from toolkit.log import job_log, progress


def encode_latents(
    clips: Sequence[Clip], folder: str | Path, *, system: str, preset: str, weights: dict[str, Path]
) -> None:
    """Write `folder/{clip}.safetensors` and `.json`. `weights` are those of the stages trained so far, by stage.

    Files are kept in the hidden folder beside `folder`, of its name, until all are there.
    """
    folder = Path(folder)
    partial = folder.with_name(f".{folder.name}")
    shared = {"system": system, "preset": preset, "weights": {stage: sha256(path) for stage, path in weights.items()}}
    names = {clip.name for clip in clips}
    for path in partial.glob("*"):
        if path.stem not in names:
            path.unlink()
    with devices.lease():
        from safetensors.torch import save_file

        device = devices.device()
        encoding = get_system(system).part("encoding")
        for clip in progress(clips, len(clips), "latents", "clip"):
            record = partial / f"{clip.name}.json"
            content = {**shared, "files": {kind: sha256(path) for kind, path in sorted(clip.files.items())}}
            if record.is_file() and read_json(record) == content:
                continue
            record.unlink(missing_ok=True)
            with atomic_path(partial / f"{clip.name}.safetensors") as file:
                save_file(encoding.encode(weights, preset, clip, device), file)
            write_json(record, content)
    os.replace(partial, folder)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        encode_latents(
            clips_from(snakemake.input),
            snakemake.output.latents,
            weights=weights_from(snakemake.input),
            **snakemake.params,
        )
