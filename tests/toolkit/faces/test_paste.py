import numpy as np
import pytest

from toolkit.faces.crop import Square, crop_frame
from toolkit.faces.paste import paste


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
