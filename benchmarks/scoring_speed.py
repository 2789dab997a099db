"""How fast a clip is scored: one pass over its frames for all metrics, beside a pass for each.

    OMP_NUM_THREADS=1 python -m benchmarks.scoring_speed ../shared/data                     # what needs no weights
    OMP_NUM_THREADS=1 python -m benchmarks.scoring_speed ../shared/data --networks --frames 32   # with networks

CPU time of one thread (on a GPU: wall time), a 256x256 clip against the truth. Networks have random weights, on which speed does
not depend. A pass for each metric reads both videos anew and, where landmarks are needed, tracks the face anew.
"""

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from metrics.frames import ComparedFrames, track_enlarged
from metrics.measure import MetricInputs
from metrics.registry import AFTERWARDS, FROM_FRAMES
from metrics.scoring import score
from toolkit.faces.detectors import get_detector
from toolkit.faces.tracking import track
from toolkit.files import write_json
from toolkit.media.frames import read_frames
from toolkit.media.writer import write_video
from toolkit.timing import SAMPLES_PER_FRAME

CLIP = "RD_Radio8_000.mp4"


def random_weights(folder: Path) -> dict[str, Path]:
    """Every network as it is built, NIQE's model, and a graph of ArcFace's size, as files."""
    import torch
    from safetensors.torch import save_file

    from models.perception.checkpoints import NETWORKS

    tensors = {name: build().state_dict() for name, build in NETWORKS.items()}
    tensors["niqe"] = {"mu_pris_param": torch.zeros(1, 36), "cov_pris_param": torch.eye(36)}
    tensors["arcface"] = {"onnx": torch.from_numpy(np.frombuffer(residual_graph(), np.uint8).copy())}
    for name, state in tensors.items():
        save_file({key: value.contiguous() for key, value in state.items()}, folder / f"{name}.safetensors")
        write_json(folder / f"{name}.json", {"available": True})
    return {name: folder / f"{name}.safetensors" for name in tensors}


def residual_graph() -> bytes:
    """An ONNX graph with the layers of ArcFace's ResNet-50 (43.6 M weights, random)."""
    from onnx import TensorProto, helper, numpy_helper

    rng, nodes, weights = np.random.default_rng(0), [], []

    def layer(kind: str, inputs: list[str], *shapes: tuple[int, ...], **attributes: object) -> str:
        names = [f"{kind}{len(nodes)}.{place}" for place in range(len(shapes))]
        arrays = [rng.uniform(0, 0.01, shape).astype(np.float32) for shape in shapes]
        weights.extend(map(numpy_helper.from_array, arrays, names))
        nodes.append(helper.make_node(kind, [*inputs, *names], [f"{kind}{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    def convolution(x: str, taken: int, given: int, size: int = 3, stride: int = 1) -> str:
        space = {"strides": [stride, stride], "pads": 4 * [size // 2]}
        return layer("Conv", [x], (given, taken, size, size), (given,), **space)

    def normalised(x: str, width: int) -> str:
        return layer("BatchNormalization", [x], *4 * [(width,)])

    x, before = layer("PRelu", [convolution("picture", 3, 64)], (64, 1, 1)), 64
    for width, blocks in ((64, 3), (128, 4), (256, 14), (512, 3)):
        for stride in (2, *(blocks - 1) * [1]):
            past = convolution(x, before, width, 1, stride) if stride == 2 else x
            inner = layer("PRelu", [convolution(normalised(x, before), before, width)], (width, 1, 1))
            x, before = layer("Add", [convolution(inner, width, width, stride=stride), past]), width
    layer("Gemm", [layer("Flatten", [normalised(x, 512)])], (512, 512 * 7 * 7), (512,), transB=1)
    ends = ((name, shape) for name, shape in (("picture", (1, 3, 112, 112)), (nodes[-1].output[0], (1, 512))))
    inputs, outputs = ([helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)] for name, shape in ends)
    graph = helper.make_graph(nodes, "arcface", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6).SerializeToString()


def seconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    begin = clock()
    run()
    return clock() - begin


def passes(given: MetricInputs, tracker: Callable) -> dict[str, Callable[[], object]]:
    """A pass over the videos for each file of metrics that can be computed."""

    def frames(file) -> None:
        measure = file.measure(given)
        deque(ComparedFrames(given.generated, given.reference, [measure]), maxlen=0)
        measure.result()

    def landmarks() -> None:
        track_enlarged(ComparedFrames(given.generated, given.reference), tracker)

    found = {}
    for file in FROM_FRAMES:
        if any(not (set(metric.needs) - {"reference", "person", "sound", *given.weights}) for metric in file.METRICS):
            found[file.__name__.rpartition(".")[2]] = partial(frames, file)
    tracked = [file for file in AFTERWARDS if any("generated landmarks" in metric.needs for metric in file.METRICS)]
    return found | {file.__name__.rpartition(".")[2]: landmarks for file in tracked}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of real clips")
    parser.add_argument("--frames", type=int, default=100, help="how many of the clip's (%(default)s)")
    parser.add_argument("--networks", action="store_true", help="with the networks too")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    clock, folder = time.process_time, arguments.data / "published_outputs"
    tracker = partial(track, detector=get_detector("dlib"))
    with tempfile.TemporaryDirectory() as work:
        paths = {name: Path(work, f"{name}.mp4") for name in ("ground_truth", "diffdub")}
        for name, path in paths.items():
            write_video(path, read_frames(folder / name / CLIP, 0, arguments.frames))
        weights = random_weights(Path(work)) if arguments.networks else {}
        if weights:
            import torch

            clock = time.perf_counter if torch.cuda.is_available() else clock
        sound = np.random.default_rng(0).uniform(-0.1, 0.1, arguments.frames * SAMPLES_PER_FRAME).astype(np.float32)
        given = MetricInputs(paths["diffdub"], reference=paths["ground_truth"], sound=sound, weights=weights)
        score(given, tracker)  # once for what is loaded at first use
        together = seconds(lambda: score(given, tracker), clock)
        print("| pass | ms a frame |\n|---|---|")
        apart = 0.0
        for name, run in passes(given, tracker).items():
            taken = seconds(run, clock)
            apart += taken
            print(f"| {name} | {1000 * taken / arguments.frames:.1f} |", flush=True)
    for name, taken in (("one for each, together", apart), ("one for all", together)):
        print(f"| **{name}** | **{1000 * taken / arguments.frames:.1f}** ({arguments.frames / taken:.1f} frames/s) |")


if __name__ == "__main__":
    main()
