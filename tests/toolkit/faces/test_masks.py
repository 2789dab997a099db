"""Masks that fall to nothing before their rim."""

import numpy as np
import pytest

from toolkit.faces.geometry import JAW, inter_ocular
from toolkit.faces.masks import face_mask, feathered, lower_face_mask, square_mask


def face(size: int, centre: tuple[float, float] = (0.5, 0.5)) -> np.ndarray:
    """A face as a drawing has it, half as wide as the picture: the jaw half an ellipse, eyes, brows, nose and mouth within."""
    angles = np.linspace(np.pi, 0, 17)
    points = np.zeros((68, 2))
    points[JAW] = np.stack([0.25 * np.cos(angles), 0.3 * np.sin(angles)], axis=1)
    points[17:27] = np.stack([np.linspace(-0.2, 0.2, 10), np.full(10, -0.1)], axis=1)
    points[27:36] = np.stack([np.zeros(9), np.linspace(-0.05, 0.08, 9)], axis=1)
    for eye, x in ((slice(36, 42), -0.1), (slice(42, 48), 0.1)):
        turn = np.linspace(0, 2 * np.pi, 6, endpoint=False)
        points[eye] = np.stack([x - 0.04 * np.cos(turn), 0.01 * np.sin(turn) - 0.05], axis=1)
    points[45] = [0.14, -0.05]  # the outer corners are 0.28 apart
    points[48:] = np.stack([0.08 * np.cos(np.arange(20)), 0.15 + 0.03 * np.sin(np.arange(20))], axis=1)
    return (points + np.array(centre)) * size


def near(mask: np.ndarray, x: float, y: float) -> float:
    return mask[round(y), round(x)].item()


def test_the_face_counts_and_what_is_far_from_it_does_not():
    points = face(128)
    mask = face_mask(points, 128)
    assert mask.shape == (128, 128)
    assert mask.dtype == np.float32
    assert all(near(mask, x, y) == 1 for x, y in points)
    assert (mask.min(), mask.max()) == (0, 1)
    assert not mask[:8].any()
    assert not mask[:, [*range(8), *range(120, 128)]].any()
    assert not mask[120:].any()


def test_the_forehead_belongs_to_the_face():
    points = face(128)
    mask, eyes = face_mask(points, 128), inter_ocular(points)
    brows, middle = points[17:, 1].min(), points[27, 0]
    assert near(mask, middle, brows - 0.45 * eyes) == 1
    assert near(mask, middle, brows - 0.9 * eyes) == 0


def test_there_is_room_for_a_jaw_that_drops():
    points = face(256)
    mask, eyes, chin = face_mask(points, 256), inter_ocular(points), points[8]
    falling = [near(mask, chin[0], chin[1] + share * eyes) for share in (0, 0.1, 0.2, 0.25, 0.3, 0.36)]
    assert falling[:2] == [1, 1]
    assert falling[-1] == 0
    assert (np.diff(falling[1:]) < 0).all()


def test_the_mask_falls_softly():
    points = face(256)
    soft = 0.2 * inter_ocular(points)
    for axis in (0, 1):
        assert np.abs(np.diff(face_mask(points, 256), axis=axis)).max() <= 1.5 / soft


def test_a_moved_face_has_a_moved_mask():
    """By whole pixels; `face` at 200 is moved by 0.05 of it."""
    there = face_mask(face(200, (0.55, 0.45)), 200)
    assert np.array_equal(np.roll(face_mask(face(200), 200), (-10, 10), axis=(0, 1)), there)


def test_a_larger_picture_has_the_same_mask():
    small, large = (face_mask(face(size), size) for size in (96, 288))
    shrunk = large.reshape(96, 3, 96, 3).mean((1, 3))
    assert np.abs(shrunk - small).mean() < 0.02


def test_a_face_at_the_edge_fades_out_there():
    mask = face_mask(face(128, (0.1, 0.5)), 128)
    assert mask[:, 0].max() < 0.2
    assert mask[64, 12] == 1
    assert (np.diff(mask[64, :8]) > 0).all()


@pytest.mark.parametrize("size", [64, 256])
def test_the_lower_face_lies_below_the_nose_and_has_room_for_a_jaw_that_drops(size):
    points = face(size)
    mask = lower_face_mask(points, size)
    (_, nose), (x, chin) = points[30], points[8]
    assert not mask[: int(nose)].any()
    assert near(mask, x, (nose + chin) / 2) == 1
    assert near(mask, x, chin + 0.05 * size) == 1
    assert near(mask, x, chin + 0.15 * size) == 0
    assert ((mask > 0) & (mask < 1)).any()


def test_a_square_fades_over_a_sixteenth():
    mask = square_mask(64)
    assert mask.shape == (64, 64)
    np.testing.assert_allclose(mask[32, :6], [0.2, 0.4, 0.6, 0.8, 1, 1])
    assert (mask[4:60, 4:60] == 1).all()
    assert all(np.array_equal(mask, np.rot90(mask, turns)) for turns in (1, 2, 3))


@pytest.mark.parametrize("growth", [0, 1, 5])
def test_feathers_rise_inside_the_rim(growth):
    hard = np.zeros((40, 40), np.uint8)
    hard[:, 10:] = 1
    mask = feathered(hard, growth)
    assert not mask[:, :10].any()
    rising = np.minimum(np.arange(1, 15) / (growth + 1), 1)
    np.testing.assert_allclose(mask[20, 10:24], rising, atol=1e-6)
    np.testing.assert_allclose(mask[20, -1], rising[0], atol=1e-6)
