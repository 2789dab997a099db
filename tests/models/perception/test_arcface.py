"""Faces on ArcFace's template, and what a graph of its form says of them."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut

from models.perception.arcface import SIZE, TEMPLATE, aligned, embed, five_points, load
from tests.small_graph import by_hand, graph, weights, write_graph
from toolkit.errors import InputError
from toolkit.faces.detectors import get_detector
from toolkit.faces.geometry import LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, RIGHT_EYE
from toolkit.faces.similarity import apply


def landmarks(frame: np.ndarray) -> np.ndarray:
    boxes, _ = get_detector("dlib").find(frame)
    return get_detector("dlib").fit(frame, boxes[0])


def with_five(five: np.ndarray) -> np.ndarray:
    """68 landmarks whose eyes, nose and mouth these are."""
    points = np.full((68, 2), np.nan)
    around = 4 * np.stack([np.cos(angles := np.arange(6) * np.pi / 3), np.sin(angles)], -1)
    points[LEFT_EYE], points[RIGHT_EYE] = five[0] + around, five[1] + around
    points[[NOSE_TIP, *MOUTH_CORNERS]] = five[2:]
    return points


def turned(centre: float, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """The similarity (2, 3) that turns and scales about (centre, centre) and then shifts."""
    matrix = cv2.getRotationMatrix2D((centre, centre), degrees, scale)
    matrix[:, 2] += shift
    return matrix


@pytest.fixture(scope="module")
def portrait():
    return np.ascontiguousarray(astronaut()[12:204, 124:316])


@pytest.mark.parametrize("turn", [0, 25, -170])
def test_five_points_land_on_the_template(turn):
    """Dots drawn where a turned face of three times the size has them."""
    matrix = turned(SIZE / 2, turn, 3, (200, 150))
    five = apply(matrix, TEMPLATE)
    y, x = np.mgrid[:500, :500]
    near = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 6**2)) for a, b in five]
    for point, dot in zip(TEMPLATE, near, strict=True):
        frame = np.repeat((255 * dot)[..., None], 3, -1).astype(np.uint8)
        seen = aligned(frame, with_five(five))[..., 0].astype(float)
        rows, columns = np.mgrid[:SIZE, :SIZE]
        assert [(columns * seen).sum() / seen.sum(), (rows * seen).sum() / seen.sum()] == pytest.approx(point, abs=0.05)


def test_a_detected_face_lies_on_the_template(portrait):
    points = landmarks(portrait)
    again = landmarks(cv2.resize(aligned(portrait, points), None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR))
    away = five_points((again - 1.5) / 4) - TEMPLATE
    assert np.abs(away[:2]).max() < 4
    assert np.abs(away).max() < 7, "she smiles, the template does not"
    assert np.abs(away.mean(0)).max() < 1


def test_where_a_face_is_in_the_frame_does_not_matter(portrait):
    points = landmarks(portrait)
    matrix = turned(96, 20, 1.5, (60, 40))
    moved = cv2.warpAffine(portrait, matrix, (320, 300))
    one, other = aligned(portrait, points), aligned(moved, apply(matrix, points))
    assert one.shape == (SIZE, SIZE, 3)
    assert np.abs(one[30:].astype(int) - other[30:]).mean() < 3
    assert np.abs(one[30:].astype(int) - one[30:, ::-1]).mean() > 15


@pytest.mark.parametrize("batch", ["batch", 1])
def test_the_graph_says_what_torch_computes(portrait, batch, tmp_path):
    loaded = load(write_graph(tmp_path, graph(taken=(batch, 3, SIZE, SIZE))))
    points = landmarks(portrait)
    found = embed(loaded, portrait, points)
    assert found.shape == (512,)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
    [expected] = by_hand(aligned(portrait, points)[None])
    assert np.abs(found - expected).max() < 1e-6
    assert found @ by_hand(aligned(portrait, points)[None, ..., ::-1].copy())[0] < 0.99, "blue is not red"


def test_loaded_once_on_as_many_threads_as_torch(tmp_path):
    path = write_graph(tmp_path)
    loaded = load(path)
    assert load(path) is loaded
    assert loaded.get_providers() == ["CPUExecutionProvider"]
    assert loaded.get_session_options().intra_op_num_threads == torch.get_num_threads()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (graph(taken=(1, 3, 96, 112)), r"takes \[\[1, 3, 96, 112\]\]"),
        (graph(taken=(8, 3, SIZE, SIZE), given=(8, 512)), r"gives \[\[8, 512\]\]"),
        (graph(given=(1, 256), width=256), r"gives \[\[1, 256\]\]"),
        (b"<html>Please log in</html>", "cannot be read as a network"),
    ],
)
def test_another_graph_is_refused(content, problem, tmp_path):
    with pytest.raises(InputError, match=problem):
        load(write_graph(tmp_path, content))


def test_a_graph_reads_no_other_file(tmp_path, monkeypatch):
    """onnxruntime itself would look in the working directory, from where these weights would fit."""
    (tmp_path / "matrix.bin").write_bytes(weights()["matrix"].tobytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="External data path"):
        load(write_graph(tmp_path, graph(elsewhere="matrix.bin")))


def test_nobody_is_told_what_runs(tmp_path):
    """onnxruntime would keep an identity of this machine, and what it has not sent yet, in the home folder."""
    graph = write_graph(tmp_path)
    (home := tmp_path / "home").mkdir()
    code = f"from pathlib import Path; from models.perception.arcface import load; load(Path({str(graph)!r}))"
    apart = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    here = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], cwd=here, env=apart | {"HOME": str(home)}, check=True)
    assert [path for path in home.rglob("*") if "onnxruntime" in str(path)] == []
