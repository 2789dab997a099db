"""The metrics' cases on our code."""

from itertools import pairwise

import cv2
import numpy as np
import torch
from harness import by_call
from torch import Tensor

from metrics.blinks import falls, online, published_limits
from metrics.cpbd import cpbd
from metrics.landmark_distance import landmark_distances
from metrics.niqe import luma, niqe
from metrics.psnr import psnr
from metrics.smoothness import SIZE, Smoothness, flow
from metrics.ssim import ssim, ssim_torchmetrics, ssim_uniform, ssim_uniform_gray
from toolkit.faces.geometry import eye_aspect_ratio

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


def niqe_values(case: dict, call: str, inputs: Tensors) -> Tensors:
    frame = np.ascontiguousarray(inputs["image"].numpy()[..., ::-1])
    score = niqe(frame, inputs["mean"].numpy(), inputs["covariance"].numpy())
    return {"luma": luma(frame), "score": score}


def sharpness(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"cpbd": torch.tensor([cpbd(picture) for picture in inputs["gray"].numpy()], dtype=torch.float64)}


def smoothness(case: dict, call: str, inputs: Tensors) -> Tensors:
    smooth = Smoothness()
    for frame in inputs["frames"].numpy():
        smooth.update(np.ascontiguousarray(frame[..., ::-1]), None)
    values = {name.replace("f_mse", "fmse"): spread for name, spread in smooth.spreads.items()}
    return {
        **{name: spread.mean for name, spread in values.items()},
        "ofm_pixels": values["ofm"].mean,
        **{f"{name}_std": spread.deviation for name, spread in values.items()},
    }


def blinks(case: dict, call: str, inputs: Tensors) -> Tensors:
    ratio = eye_aspect_ratio(inputs["landmarks"].double().numpy())
    starts, ends = published_limits(ratio).T
    duration = (ends - starts) / case["config"]["fps"]
    return {
        "eye_aspect_ratio": ratio,
        "falls": falls(ratio),
        "starts": starts,
        "ends": ends,
        "blinks_per_second": len(starts) / (len(ratio) / case["config"]["fps"]),
        "median_duration": np.median(duration),
        "mean_duration": duration.mean(),
    }


# What the specification of Diffused Heads pins of the same metrics.


def smoothness_of_diffused_heads(case: dict, call: str, inputs: Tensors) -> Tensors:
    frames = [np.ascontiguousarray(frame[..., ::-1]) for frame in inputs["frames"].numpy()]
    smooth = Smoothness()
    for frame in frames:
        smooth.update(frame, None)
    flows = np.stack([flow(*(cv2.resize(frame, (SIZE, SIZE)) for frame in pair)) for pair in pairwise(frames)])
    published = {"flow": smooth.spreads["ofm_published"], "mse": smooth.spreads["f_mse_published"]}
    return {
        **{f"{name}_mean": spread.mean for name, spread in published.items()},
        **{f"{name}_std": spread.deviation for name, spread in published.items()},
        "flow_magnitude_mean": np.linalg.norm(flows, axis=-1).mean(axis=(1, 2)),
        "flow_first": flows[0, ::4, ::4],
    }


def blinks_of_diffused_heads(case: dict, call: str, inputs: Tensors) -> Tensors:
    outputs = {"landmarks_ear": eye_aspect_ratio(inputs["landmarks"].numpy())}
    for signal in [name.removesuffix(".ear") for name in inputs if name.endswith(".ear")]:
        ratio = inputs[f"{signal}.ear"].numpy()
        starts, ends = published_limits(ratio).T
        reports = torch.tensor(online(ratio), dtype=torch.int64).reshape(-1, 2)
        found = {"onset": falls(ratio), "start": starts, "end": ends, "online": reports}
        outputs |= {f"{signal}.{name}": value for name, value in found.items()}
    return outputs


ADAPTERS = {
    "metrics/psnr": by_call({"psnr.*": psnr_values}),
    "metrics/ssim": by_call({"ssim.*": ssim_values}),
    "metrics/landmark_distance": by_call({"distance.*": distances}),
    "metrics/niqe": by_call({"niqe.*": niqe_values}),
    "metrics/cpbd": by_call({"sharpness.*": sharpness}),
    "metrics/smoothness": by_call({"smoothness.*": smoothness}),
    "metrics/blinks": by_call({"blinks.*": blinks}),
    "diffused_heads/smoothness": smoothness_of_diffused_heads,
    "diffused_heads/blinks": blinks_of_diffused_heads,
}
