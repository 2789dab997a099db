"""A graph of ArcFace's form, small enough to be computed beside it: what it says means nothing, but it can be compared."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor
from torch.nn import functional

from models.checkpoints import write_weights

CELL = 16  # pixels that a weight of the convolution spans


def weights(width: int = 512) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"kernels": (4, 3, CELL, CELL), "slopes": (4, 1, 1), "matrix": (width, 4 * 7 * 7), "shift": (width,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def graph(
    *, taken: tuple = ("batch", 3, 112, 112), given: tuple = (1, 512), width: int = 512, elsewhere: str | None = None
) -> bytes:
    """Convolution, PReLU and a matrix of `width` rows as an ONNX file, which says that it takes and gives these shapes.

    elsewhere: a file that the matrix is said to lie in.
    """
    tensors = [numpy_helper.from_array(value, name) for name, value in weights(width).items()]
    if elsewhere:
        matrix = next(tensor for tensor in tensors if tensor.name == "matrix")
        onnx.external_data_helper.set_external_data(matrix, elsewhere)
        matrix.ClearField("raw_data")
    nodes = [
        helper.make_node("Conv", ["picture", "kernels"], ["cells"], strides=[CELL, CELL]),
        helper.make_node("PRelu", ["cells", "slopes"], ["bent"]),
        helper.make_node("Flatten", ["bent"], ["row"]),
        helper.make_node("Gemm", ["row", "matrix", "shift"], ["embedding"], transB=1),
    ]
    ends = [
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)]
        for name, shape in (("picture", taken), ("embedding", given))
    ]
    made = helper.make_graph(nodes, "small", *ends, tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 11)], ir_version=6).SerializeToString()


def by_hand(faces: np.ndarray) -> np.ndarray:
    """What the graph says of aligned faces (n, 112, 112, 3), uint8 RGB: (n, 512) of length 1, by torch."""
    known = {name: torch.from_numpy(value) for name, value in weights().items()}
    pictures = (torch.from_numpy(faces).permute(0, 3, 1, 2).double() - 127.5) / 127.5
    cells = functional.conv2d(pictures, known["kernels"].double(), stride=CELL)
    bent = torch.where(cells < 0, cells * known["slopes"], cells)
    found = functional.linear(bent.flatten(1), known["matrix"].double(), known["shift"].double())
    return functional.normalize(found).numpy()


def write_graph(folder: Path, content: bytes | None = None) -> Path:
    """The graph, or another file's content, as the workflow keeps it, with its record."""
    path = folder / "arcface.safetensors"
    tensors: dict[str, Tensor] = {"onnx": torch.frombuffer(bytearray(content or graph()), dtype=torch.uint8)}
    write_weights(path, tensors, {"network": "arcface", "available": True, "origin": "a seed", "licence": "nobody's"})
    return path
