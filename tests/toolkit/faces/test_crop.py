import numpy as np
import pytest

from toolkit.errors import InputError
from toolkit.faces.crop import Square, crop_frame, face_square, to_crop, to_frame


def boxes(*rows: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(rows, np.float32), np.ones(len(rows), bool)


def test_square_is_1_6_faces_around_the_median_face():
    assert face_square(*boxes((100, 100, 200, 190), (110, 100, 210, 190), (300, 0, 400, 90)), 480, 640) == Square(
        80, 65, 160
    )


def test_frames_without_a_face_do_not_count():
    found, ok = boxes((100, 100, 200, 200), (0, 0, 600, 400), (0, 0, 600, 400))
    ok[1:] = False
    assert face_square(found, ok, 480, 640) == face_square(found[:1], ok[:1], 480, 640)


@pytest.mark.parametrize(
    "box", [(-40, -30, 60, 70), (560, 400, 700, 540), (0, 0, 100, 100), (-500, -500, 2000, 2000), (900, 900, 950, 950)]
)
@pytest.mark.parametrize(("height", "width"), [(480, 640), (640, 480), (256, 256)])
def test_square_never_leaves_the_frame(box, height, width):
    left, top, side = face_square(*boxes(box), height, width)
    assert left >= 0
    assert top >= 0
    assert 0 < side <= min(height, width)
    assert left + side <= width
    assert top + side <= height


def test_a_clip_without_a_face_has_no_square():
    found, ok = boxes((0, 0, 10, 10))
    with pytest.raises(InputError, match="no frame"):
        face_square(found, ~ok, 100, 100)


@pytest.mark.parametrize(("side", "size"), [(64, 256), (256, 64), (100, 100), (123, 256)])
def test_points_go_there_and_back(side, size):
    square = Square(11, 7, side)
    points = np.random.default_rng(0).uniform(0, 100, (5, 68, 2))
    np.testing.assert_allclose(to_frame(to_crop(points, square, size), square, size), points, atol=1e-9)


@pytest.mark.parametrize(("side", "size"), [(64, 128), (128, 64), (96, 96)])
def test_points_and_pixels_agree(side, size):
    """A bright blob lands where `to_crop` says: its centre of mass, to a twentieth of a pixel."""
    y, x = np.mgrid[:160, :200]
    centre = np.array([83.0, 61.0])
    blob = 250 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 50)
    square = Square(40, 20, side)
    crop = crop_frame(np.repeat(blob[..., None], 3, 2).astype(np.uint8), square, size)[..., 0].astype(float)
    y, x = np.mgrid[:size, :size]
    seen = np.array([(x * crop).sum(), (y * crop).sum()]) / crop.sum()
    assert crop.shape == (size, size)
    np.testing.assert_allclose(seen, to_crop(centre, square, size), atol=0.05)


def test_shrinking_averages():
    checkers = np.indices((64, 64)).sum(0)[..., None].repeat(3, 2) % 2 * 255
    crop = crop_frame(checkers.astype(np.uint8), Square(0, 0, 64), 16)
    np.testing.assert_allclose(crop, 127.5, atol=1)
