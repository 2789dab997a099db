"""ArcFace, whose a face is: 512 numbers, near in angle for one person (specs/metrics.md section 14; Deng et al. 2019).

The network is InsightFace's `w600k_r50.onnx`, a ResNet-50 trained on WebFace600K. Its graph is run as it is published, by
onnxruntime on the CPU: a published file of another kind than PyTorch's, none of whose layers needs a name of ours.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch

from models.checkpoints import read_tensor
from toolkit.errors import InputError
from toolkit.faces import similarity
from toolkit.faces.geometry import LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, RIGHT_EYE

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else onnxruntime tells its makers, from its import on, what it runs
from onnxruntime import InferenceSession, NodeArg, SessionOptions

SIZE = 112
"""Pixels of the picture's side."""
WIDTH = 512
"""Numbers of an embedding."""
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where eyes, nose tip and corners of the mouth lie in that picture, in its pixels."""


@lru_cache(maxsize=1)
def load(path: Path) -> InferenceSession:
    """The graph that the converted file holds, on as many threads as torch computes with; loaded once in a process.

    Raises InputError where it is none, or one that takes or gives something else. No other file is read, though a
    graph may name some.
    """
    content = read_tensor(path).numpy().tobytes()
    options = SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors: it warns of each weight that is listed among the inputs, as in older files
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        graph = InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no class in common
        problem = f"cannot be read as a network ({str(error).splitlines()[0]})"
        raise InputError(path, problem, "Give the published file") from error
    if not (_is(graph.get_inputs(), (1, 3, SIZE, SIZE)) and _is(graph.get_outputs(), (1, WIDTH))):
        taken, given = ([place.shape for place in places] for places in (graph.get_inputs(), graph.get_outputs()))
        problem = f"takes {taken} and gives {given}, not [[1, 3, {SIZE}, {SIZE}]] and [[1, {WIDTH}]]"
        raise InputError(path, problem, "Give the published file")
    return graph


def _is(places: Sequence[NodeArg], shape: tuple[int, ...]) -> bool:
    """Whether that is all that a graph takes or gives: one array of this shape, of which a side may be open."""
    sides = [place.shape for place in places]
    return [len(found) for found in sides] == [len(shape)] and all(
        found == wanted or not isinstance(found, int) for found, wanted in zip(sides[0], shape, strict=True)
    )


def aligned(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The face with these 68 points in an (H, W, 3) uint8 RGB frame, its eyes, nose and mouth on `TEMPLATE`:
    (112, 112, 3) uint8, bilinear, black outside the frame."""
    matrix = similarity.fit(five_points(points), TEMPLATE)
    return cv2.warpAffine(frame, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR)


def five_points(points: np.ndarray) -> np.ndarray:
    """Centres of the eyes, nose tip and corners of the mouth, the image's left first, of 68 landmarks: (5, 2)."""
    return np.stack([points[LEFT_EYE].mean(0), points[RIGHT_EYE].mean(0), *points[[NOSE_TIP, *MOUTH_CORNERS]]])


def embed(graph: InferenceSession, frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The (512,) embedding, of length 1, of the face with these 68 points in an (H, W, 3) uint8 RGB frame."""
    picture = (aligned(frame, points).astype(np.float32) - 127.5) / 127.5
    [[found]] = graph.run(None, {graph.get_inputs()[0].name: picture.transpose(2, 0, 1)[None]})
    return found / np.linalg.norm(found)
