"""Diffused Heads' cases on our code."""

import numpy as np
import torch
from torch import Tensor

from toolkit.faces import similarity
from toolkit.faces.mean_face import alignment, mean_face, placed
from toolkit.faces.warp import warp

Tensors = dict[str, Tensor]


def mean_faces(case: dict, call: str, inputs: Tensors) -> Tensors:
    outputs = {}
    for name, settings in case["config"].items():
        face = placed(mean_face(settings["mean_face"]), settings["scale"], settings["offset"])
        outputs[f"{name}.aligned_mean_face"] = torch.from_numpy(face.points)
        outputs[f"{name}.crop_height_width"] = torch.tensor([face.height, face.width])
    return outputs


def face_alignment(case: dict, call: str, inputs: Tensors) -> Tensors:
    config, landmarks = case["config"], inputs["landmarks"].numpy()
    face = placed(inputs["mean_face_raw"].numpy(), config["scale"], config["offset"])
    matrices = alignment(landmarks, face.points, config["smoothing_window"])
    frames = zip(inputs["video"].numpy(), matrices, strict=True)
    return {
        "aligned_mean_face": torch.from_numpy(face.points),
        "aligned": torch.from_numpy(np.stack([warp(*pair, face.height, face.width) for pair in frames])),
        "projected_landmarks": torch.from_numpy(similarity.apply(matrices, landmarks)),
    }


ADAPTERS = {
    "diffused_heads/face_alignment": face_alignment,
    "diffused_heads/mean_face": mean_faces,
}
