"""3D faces: the regressor, the alignment of its pictures, and the Basel face model."""

import torch
from harness import by_call, network
from torch import Tensor

from models.perception.face_recon import FaceRecon
from toolkit.faces import five_points, morphable
from toolkit.faces.face3d import MOTION

Tensors = dict[str, Tensor]


def regressor(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"coefficients": network(case, FaceRecon)(inputs["image"])}


def alignment(case: dict, call: str, inputs: Tensors) -> Tensors:
    image, points, standard = (inputs[name].numpy() for name in ("image", "landmarks68", "standard5"))
    height, width = image.shape[:2]
    found = five_points.fit_landmarks(points, standard, height)
    return {
        "landmarks5_up": torch.from_numpy(five_points.five_points(five_points.upwards(points, height))),
        "pos_scale": torch.tensor([found.scale]),
        "pos_translation": torch.from_numpy(found.shift[:, None]),
        "scale_s": torch.tensor([found.resize]),
        "aligned_image": torch.from_numpy(five_points.align(image, found).copy()),
        "aligned_landmarks68_up": torch.from_numpy(five_points.align_points(points, found, height, width)),
    }


def face_model(case: dict, call: str, inputs: Tensors) -> Tensors:
    arrays = {name.removeprefix("model."): value.numpy() for name, value in inputs.items() if name.startswith("model.")}
    model, coefficients = morphable.build_model(arrays), inputs["coefficients"].numpy()
    landmarks = model.key_landmarks()
    found = {
        "helper.key_mean_shape": landmarks.mean,
        "helper.idexp_lm3d": MOTION * landmarks.deviations(coefficients),
        "helper.lm3d_frontal": landmarks.frontal(coefficients),
        "helper.lm3d_centred": landmarks.frontal(coefficients) - landmarks.mean.mean(0),
        "parametric.rotation": morphable.rotation(morphable.Coefficients.of(coefficients).angles),
        "parametric.shape": model.shape(coefficients),
        "parametric.camera_vertices": model.camera_vertices(coefficients),
        "parametric.landmarks_224": model.landmarks(coefficients),
        "parametric.color": model.colour(coefficients),
    }
    return {name: torch.from_numpy(value) for name, value in found.items()}


ADAPTERS = {
    "face_recon/resnet50": by_call({r"\w+": regressor}),
    "face_recon/align_224": alignment,
    "face_recon/bfm": face_model,
}
