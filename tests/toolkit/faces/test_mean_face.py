import numpy as np
import pytest

from toolkit.faces.mean_face import STABLE, alignment_matrices, placed, read_mean_face, residual
from toolkit.faces.similarity import apply, invert

OFFSET = (0.45, 0.5, 0.25)


def swaying(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (T, 68, 2) of the mean face as a head sways, and the transforms that bring it back to its place."""
    face = placed(read_mean_face(), 0.3, OFFSET).points
    angle, size = 0.1 * np.sin(np.arange(frames) / 9), 0.4 + 0.02 * np.cos(np.arange(frames) / 11)
    a, b = size * np.cos(angle), size * np.sin(angle)
    shift = np.stack([-20 + 3 * np.sin(np.arange(frames) / 8), np.full(frames, -30.0)], -1)
    matrices = np.concatenate([np.stack([np.stack([a, -b], -1), np.stack([b, a], -1)], -2), shift[..., None]], -1)
    return apply(invert(matrices), np.stack([face] * frames)), matrices


@pytest.mark.parametrize("name", ["main", "packaged"])
def test_the_mean_faces_are_faces(name):
    face = read_mean_face(name)
    assert face.shape == (68, 2)
    left, right, nose, chin = face[36], face[45], face[33], face[8]
    assert left[0] < nose[0] < right[0]
    assert max(left[1], right[1]) < nose[1] < chin[1]
    assert abs((left + right)[0] / 2 - nose[0]) < 0.1 * np.ptp(face[:, 0])


def test_the_default_room_centres_the_face_in_a_square():
    face = read_mean_face()
    points, height, width = placed(face, 128 / placed(face, 1, OFFSET).height, OFFSET)
    assert abs(height - width) <= 2
    assert abs((points[:, 0].min() + points[:, 0].max()) / 2 - 63.5) < 1
    assert points.min() > 20
    assert points.max() < 128 - 15


def test_room_is_counted_in_whole_pixels_and_the_fraction_of_the_corner_stays():
    face = np.array([[10.25, 20.75], [110.9, 220.1]])
    points, height, width = placed(face, 1, (0.111, 0.2, 0.1))
    np.testing.assert_allclose(points, [[11.25, 40.75], [111.9, 240.1]])
    assert (height, width) == (260, 122)


def test_without_smoothing_every_frame_is_brought_home():
    points, matrices = swaying(40)
    face = placed(read_mean_face(), 0.3, OFFSET).points
    found = alignment_matrices(points, face, 1)
    np.testing.assert_allclose(found, matrices, atol=1e-9)
    np.testing.assert_allclose(residual(apply(found, points), face), 0, atol=1e-9)


def test_speech_does_not_move_the_picture():
    points, _ = swaying(40)
    talking = points.copy()
    moving = np.setdiff1d(np.arange(68), STABLE)
    talking[:, moving] += np.random.default_rng(0).normal(0, 20, (40, len(moving), 2))
    face = read_mean_face()
    np.testing.assert_array_equal(alignment_matrices(talking, face, 7), alignment_matrices(points, face, 7))


def test_smoothing_takes_the_tremble_out():
    points, _ = swaying(200)
    noisy = points + np.random.default_rng(1).normal(0, 2, points.shape)
    face = placed(read_mean_face(), 0.3, OFFSET).points
    shake = [np.diff(alignment_matrices(noisy, face, smoothing), 2, axis=0)[..., 2].std() for smoothing in (1, 7)]
    assert shake[1] < shake[0] / 4
    still = np.abs(apply(alignment_matrices(noisy, face, 7), points) - face).mean()
    assert still < 0.6 * np.abs(apply(alignment_matrices(noisy, face, 1), points) - face).mean()


def test_the_published_window_runs_ahead_of_a_moving_head_and_the_centred_one_does_not():
    """A head that moves 2 aligned pixels a frame: three frames ahead of itself is six pixels."""
    face = read_mean_face()
    points = face + np.arange(30)[:, None, None] * [2.0, 0.0]
    away = {w: residual(apply(alignment_matrices(points, face, 7, w), points), face) for w in ("forward", "centred")}
    np.testing.assert_allclose(away["forward"][:24], 6, atol=1e-9)
    np.testing.assert_allclose(away["centred"], 0, atol=1e-9)


def test_nothing_is_carried_over_a_cut():
    """Between two shots the head is where it is, not half way."""
    first, second = swaying(20)[0], swaying(20)[0] + [300, 40]
    face = placed(read_mean_face(), 0.3, OFFSET).points
    points = np.concatenate([first, second])
    found = alignment_matrices(points, face, 7)
    np.testing.assert_allclose(found, np.concatenate([alignment_matrices(shot, face, 7) for shot in (first, second)]))
    assert residual(apply(found, points), face).max() < 1
    assert residual(apply(alignment_matrices(points, face, 7, "forward"), points), face).max() > 20


@pytest.mark.parametrize("frames", [1, 2, 6])
def test_clips_shorter_than_the_window_are_aligned_all_the_same(frames):
    points, _ = swaying(frames)
    face = read_mean_face()
    forward = alignment_matrices(points, face, 7, "forward")
    np.testing.assert_allclose(forward, np.stack([alignment_matrices(points.mean(0)[None], face, 1)[0]] * frames))
    assert residual(apply(alignment_matrices(points, face, 7), points), face).max() < 2
