"""The metrics' cases on our code."""

import numpy as np
import torch
from harness import by_call
from torch import Tensor

from metrics.landmark_distance import landmark_distances
from metrics.psnr import psnr
from metrics.ssim import ssim, ssim_torchmetrics, ssim_uniform, ssim_uniform_gray

Tensors = dict[str, Tensor]

SSIM_VARIANTS = {
    "gaussian": ssim,
    "uniform": ssim_uniform,
    "uniform_gray": ssim_uniform_gray,
    "torchmetrics": ssim_torchmetrics,
}
DISTANCES = {
    "face": "f_lmd",
    "mouth": "m_lmd",
    "face_centred": "f_lmd_centred",
    "mouth_centred": "m_lmd_centred",
    "mouth_over_eye_distance": "mouth_over_eye_distance",
    "mouth_width": "mouth_width_error",
    "mouth_opening": "mouth_opening_error",
}


def frame_pairs(inputs: Tensors) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(zip(inputs["reference"].numpy(), inputs["generated"].numpy(), strict=True))


def psnr_values(case: dict, call: str, inputs: Tensors) -> Tensors:
    per_frame = torch.tensor([psnr(*pair) for pair in frame_pairs(inputs)], dtype=torch.float64)
    pooled = psnr(inputs["reference"].numpy(), inputs["generated"].numpy())
    return {"per_frame": per_frame, "mean_over_frames": per_frame.mean(), "pooled": torch.tensor(pooled)}


def ssim_values(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {
        name: torch.tensor([variant(*pair) for pair in frame_pairs(inputs)], dtype=torch.float64)
        for name, variant in SSIM_VARIANTS.items()
    }


def distances(case: dict, call: str, inputs: Tensors) -> Tensors:
    values = landmark_distances(inputs["reference"].numpy(), inputs["generated"].numpy())
    return {output: torch.tensor(values[name], dtype=torch.float64) for output, name in DISTANCES.items()}


ADAPTERS = {
    "metrics/psnr": by_call({"psnr.*": psnr_values}),
    "metrics/ssim": by_call({"ssim.*": ssim_values}),
    "metrics/landmark_distance": by_call({"distance.*": distances}),
}
