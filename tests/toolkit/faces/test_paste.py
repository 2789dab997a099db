import numpy as np
import pytest

from toolkit.faces.crop import Square, crop_frame
from toolkit.faces.paste import paste, paste_aligned
from toolkit.faces.similarity import apply, invert
from toolkit.faces.warp import warp


@pytest.fixture
def frame() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def soft_mask(size: int) -> np.ndarray:
    """1 in the middle, 0 in the outer quarter, a ramp between."""
    away = np.abs(np.linspace(-1, 1, size))
    return np.clip((0.5 - np.maximum(away[:, None], away)) / 0.2, 0, 1).astype(np.float32)


@pytest.mark.parametrize("size", [32, 50, 64])
def test_outside_the_mask_no_pixel_changes_and_inside_it_the_face_stands(frame, size):
    square = Square(33, 21, 50)
    before = frame.copy()
    pasted = paste(frame, np.full((size, size, 3), 200, np.uint8), square, soft_mask(size))
    np.testing.assert_array_equal(frame, before)
    changed = (pasted != frame).any(-1)
    rows, columns = np.nonzero(changed)
    assert rows.min() >= 21 + 11  # the mask's outer quarter: 12.5 pixels, and one crop pixel of interpolation
    assert rows.max() < 21 + 39
    assert columns.min() >= 33 + 11
    assert columns.max() < 33 + 39
    np.testing.assert_array_equal(pasted[44:48, 56:60], 200)


def test_a_mask_of_zeros_gives_the_source_and_one_of_ones_the_face(frame):
    square = Square(10, 5, 64)
    face = crop_frame(255 - frame, square, 64)
    np.testing.assert_array_equal(paste(frame, face, square, np.zeros((64, 64))), frame)
    pasted = paste(frame, face, square, np.ones((64, 64)))
    np.testing.assert_array_equal(pasted[5:69, 10:74], face)
    pasted[5:69, 10:74] = frame[5:69, 10:74]
    np.testing.assert_array_equal(pasted, frame)


def test_half_a_mask_is_half_way(frame):
    pasted = paste(frame, np.zeros((40, 40, 3), np.uint8), Square(0, 0, 40), np.full((40, 40), 0.5))
    np.testing.assert_allclose(pasted[:40, :40], frame[:40, :40] / 2, atol=0.5)


TURNED = np.array([[0.8, 0.3, -20], [-0.3, 0.8, 20]])  # the frame's pixels to a picture of 64 x 64 in its middle


@pytest.mark.parametrize("size", [32, 64, 200])
def test_an_aligned_face_stands_where_its_mask_lies_and_nowhere_else(frame, size):
    before = frame.copy()
    pasted = paste_aligned(frame, np.full((size, size, 3), 200, np.uint8), TURNED, soft_mask(64))
    np.testing.assert_array_equal(frame, before)
    rows, columns = np.indices(frame.shape[:2])
    away = np.abs(apply(TURNED, np.stack([columns, rows], -1).reshape(-1, 2)) - 31.5).max(-1).reshape(rows.shape)
    outside, inside = away > 17, away < 8
    np.testing.assert_array_equal(pasted[outside], frame[outside])
    np.testing.assert_array_equal(pasted[inside], 200)


def test_an_aligned_picture_of_the_frame_goes_back_without_a_seam():
    rows, columns = np.indices((90, 120))
    smooth = np.stack([100 + 80 * np.sin(columns / 9), 120 + 60 * np.cos(rows / 11), columns + rows], -1).astype(
        np.uint8
    )
    pasted = paste_aligned(smooth, warp(smooth, TURNED, 64, 64), TURNED, soft_mask(64))
    assert (pasted != smooth).any()
    assert np.abs(pasted.astype(int) - smooth).max() <= 2


def test_a_face_that_is_partly_or_wholly_outside_the_frame(frame):
    face, mask = np.full((64, 64, 3), 200, np.uint8), np.ones((64, 64))
    corner = np.array([[1.0, 0, 32], [0, 1, 32]])  # the frame's corner is the picture's middle
    pasted = paste_aligned(frame, face, corner, mask)
    np.testing.assert_array_equal(pasted[:31, :31], 200)
    np.testing.assert_array_equal(pasted[32:], frame[32:])
    np.testing.assert_array_equal(pasted[:, 32:], frame[:, 32:])
    for gone in ([[1.0, 0, 200], [0, 1, 0]], [[1.0, 0, 0], [0, 1, -200]]):
        np.testing.assert_array_equal(paste_aligned(frame, face, np.array(gone), mask), frame)


def test_an_empty_mask_gives_the_source(frame):
    empty = paste_aligned(frame, np.zeros((64, 64, 3), np.uint8), TURNED, np.zeros((64, 64)))
    np.testing.assert_array_equal(empty, frame)


def test_a_face_larger_than_its_place_is_averaged():
    """A chessboard seen at an eighth of its size is grey, not what single pixels happen to be."""
    board = (np.indices((256, 256)).sum(0) % 2 * 200).astype(np.uint8)[..., None].repeat(3, -1)
    to_picture = np.array([[8.0, 0, 0], [0, 8, 0]])
    pasted = paste_aligned(np.zeros((40, 40, 3), np.uint8), board, to_picture, np.ones((256, 256)))
    np.testing.assert_allclose(pasted[2:30, 2:30], 100, atol=1)


def test_pasting_does_not_move_the_picture():
    """A soft dot at a known place of the aligned picture is found at the same place of the frame."""
    dot = np.array([30.0, 34.0])
    rows, columns = np.indices((64, 64))
    bright = 250 * np.exp(-((columns - dot[0]) ** 2 + (rows - dot[1]) ** 2) / (2 * 3**2))
    face = bright.astype(np.uint8)[..., None].repeat(3, -1)
    for scale in (0.4, 1.0, 2.5):
        onto = TURNED * scale + [[0, 0, 32 * (1 - scale)]] * 2
        seen = paste_aligned(np.zeros((160, 200, 3), np.uint8), face, onto, np.ones((64, 64)))[..., 0].astype(float)
        centre = [(seen.sum(axis) * np.arange(seen.shape[1 - axis])).sum() / seen.sum() for axis in (0, 1)]
        np.testing.assert_allclose(centre, apply(invert(onto), dot[None])[0], atol=0.1)
