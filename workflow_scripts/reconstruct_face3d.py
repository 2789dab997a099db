"""3D faces of a clip's view: frontal landmarks and pose of every frame, of the Basel face model or of the learned one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toolkit import devices
from toolkit.faces import landmark_model, morphable
from toolkit.faces.face3d import Face3D, write_face3d
from toolkit.files import sha256, write_json
from toolkit.log import job_log
from toolkit.media.frames import read_frames


def reconstruct_face3d(
    transform: str | Path,
    face3d: str | Path,
    record: str | Path,
    *,
    model: str,
    sources: Sequence[str | Path],
    view: str | Path | None = None,
) -> None:
    """Write `face3d` (.npz, see `toolkit.faces.face3d`) and `record` (.json: the model, digests of what it is made of, frames,
    how many of them show no face).

    model: "bfm", with the `view`'s pictures and as `sources` the face model, its standard face and the regressor's weights; or
    "learned", with the learned model alone. Raises InputError where a file cannot be used.
    """
    with np.load(transform, allow_pickle=False) as arrays:
        points, ok, size = arrays["points"], arrays["ok"], int(arrays["size"])
    if model == "bfm":
        with devices.lease():
            face = _regressed(view, points, ok, size, sources)
    else:
        face = landmark_model.reconstruct(landmark_model.read_model(*sources), points, ok)
    write_face3d(face3d, face)
    digests = {Path(path).name: sha256(path) for path in sources}
    write_json(record, {"model": model, "sources": digests, "frames": len(ok), "without_face": int((~ok).sum())})


def _regressed(
    view: str | Path, points: np.ndarray, ok: np.ndarray, size: int, sources: Sequence[str | Path]
) -> Face3D:
    """By the published regressor. torch is imported here, since the other way has no need of it."""
    from models.perception import face_recon

    face_model, standard_face, weights = sources
    landmarks = morphable.read_model(face_model).key_landmarks()
    standard = morphable.read_standard_points(standard_face)
    network = face_recon.load(weights, devices.device())
    return face_recon.reconstruct(network, landmarks, standard, read_frames(view), points, ok, size)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        reconstruct_face3d(
            snakemake.input.transform,
            snakemake.output.face3d,
            snakemake.output.record,
            view=snakemake.input.view or None,
            sources=snakemake.input.sources,
            **snakemake.params,
        )
