"""MoDiTalker's landmarks: generated motion in a driving video's pose, and the files that training reads."""

import numpy as np
import torch
from torch import Tensor

from models.moditalker.face3d import Face3D, align_motion, dataset_landmarks
from toolkit.faces.face3d import MOTION
from toolkit.faces.five_points import fit_landmarks, five_points
from toolkit.faces.morphable import COEFFICIENTS, KeyLandmarks, rotation

Tensors = dict[str, Tensor]


def place(inputs: Tensors) -> tuple[np.ndarray, np.ndarray]:
    """Scale and centre of the detector's landmarks."""
    points, standard = inputs["detected68"].numpy().astype(np.float64), inputs["standard5"].numpy()
    found = fit_landmarks(points, standard, int(inputs["image_size_hw"][0]))
    return found.resize, five_points(points).mean(-2)


def motion_align(case: dict, call: str, inputs: Tensors) -> Tensors:
    landmarks = inputs["landmarks_frontal"].numpy()
    mean, count = landmarks[0], len(landmarks)
    turned = rotation(inputs["angles"].numpy())
    coefficients = np.zeros((count, COEFFICIENTS), np.float32)
    coefficients[:, -3:] = inputs["translation"]
    driving = Face3D(landmarks, turned, *place(inputs), mean, coefficients, "bfm")
    aligned = align_motion(MOTION * (landmarks - mean), driving, np.arange(count), truncated=True)
    return {
        "rotation": torch.from_numpy(turned),
        "aligned_float": torch.from_numpy(aligned),
        "aligned_int": torch.from_numpy(aligned).long(),
    }


def landmark_files(case: dict, call: str, inputs: Tensors) -> Tensors:
    model = KeyLandmarks(*(inputs[f"key_{name}"].numpy() for name in ("mean_shape", "id_base", "exp_base")))
    found = dataset_landmarks(inputs["coefficients"].numpy(), model, *place(inputs), truncated=True)
    return {
        "fa": inputs["detected68"],
        "face_centric_unposed": torch.from_numpy(found.unposed),
        "face_centric_posed": torch.from_numpy(found.posed),
        "non_face_centric_posed": torch.from_numpy(found.points),
    }


ADAPTERS = {"moditalker/motion_align": motion_align, "moditalker/dataset_landmarks": landmark_files}
