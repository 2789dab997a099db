"""A small face model in the layout of the licensed files, and a regressor with random weights."""

from pathlib import Path

import numpy as np
import torch
from scipy.io import savemat

from models.perception.face_recon import FaceRecon
from tests.heads import shape

VERTICES = 90


def face_model_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of `BFM_model_front.mat` with few vertices, of which the first 69 are a face's landmarks."""
    generator = np.random.default_rng(seed)
    vertices = generator.normal(0, 0.3, (VERTICES, 3))
    vertices[1:69] = shape(seed)
    return {
        "meanshape": vertices.reshape(1, -1).astype(np.float32),
        "idBase": generator.normal(0, 0.02, (3 * VERTICES, 80)).astype(np.float32),
        "exBase": generator.normal(0, 0.02, (3 * VERTICES, 64)).astype(np.float32),
        "meantex": generator.uniform(60, 200, (1, 3 * VERTICES)).astype(np.float32),
        "texBase": generator.normal(0, 2, (3 * VERTICES, 80)).astype(np.float32),
        "tri": 1 + np.array([generator.permutation(VERTICES)[:3] for _ in range(140)]),
        "point_buf": generator.integers(1, 142, (VERTICES, 8)),
        "keypoints": 1 + np.arange(68)[None],
    }


def place_face_model(folder: Path, seed: int = 0, **other: np.ndarray) -> list[Path]:
    """Write the three files that a user places into `folder`; `other` arrays take the place of the model's own."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("BFM_model_front.mat", "similarity_Lm3D_all.mat", "epoch_20.pth")]
    savemat(paths[0], face_model_arrays(seed) | other)
    savemat(paths[1], {"lm": shape(seed)})
    torch.manual_seed(seed)
    network = FaceRecon()
    for layer in network.final_layers:  # coefficients of about one, angles of a few degrees
        torch.nn.init.normal_(layer.weight, std=0.02)
        torch.nn.init.normal_(layer.bias, std=0.1)
    torch.save({"net_recon": network.state_dict(), "opt_00": {"lr": 1e-4}, "sched_00": {"step": 20}}, paths[2])
    return paths
