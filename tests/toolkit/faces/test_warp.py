import cv2
import numpy as np
import pytest

from toolkit.faces.similarity import apply
from toolkit.faces.warp import averaged, block_size, warp

IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])


def shift(x: float, y: float) -> np.ndarray:
    return np.array([[1.0, 0, x], [0, 1, y]])


@pytest.fixture
def frame() -> np.ndarray:
    noise = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def test_whole_shifts_move_pixels_and_leave_black_behind(frame):
    moved = warp(frame, shift(7, -5), 90, 120)
    np.testing.assert_array_equal(moved[:85, 7:], frame[5:, :113])
    assert not moved[85:].any()
    assert not moved[:, :7].any()


def test_the_picture_fades_over_its_last_pixel():
    white = np.full((10, 10, 3), 200, np.uint8)
    edge = warp(white, shift(2.25, 0), 10, 14)[5, :, 0]
    assert edge.tolist() == [0, 0, 150, *[200] * 9, 50, 0]


def test_levels_are_cut_as_published():
    ramp = np.tile(np.array([0, 1, 2, 3], np.uint8)[None, :, None], (3, 1, 3))
    assert warp(ramp, shift(0.5, 0), 3, 4)[1, :, 0].tolist() == [0, 0, 1, 2]


def test_there_and_back_gives_the_picture(frame):
    turn = np.array([[0.98, 0.17, -5], [-0.17, 0.98, 12]])
    back = cv2.invertAffineTransform(turn)
    returned = warp(warp(frame, turn, 160, 200), back, 90, 120)
    away = np.abs(returned[12:-12, 12:-12].astype(int) - frame[12:-12, 12:-12])
    assert away.mean() < 2


def test_a_shrunk_frame_lies_where_the_frame_did():
    """A soft dot, seen at a sixth of its size by way of blocks."""
    dot = np.array([38.5, 62.5])
    rows, columns = np.indices((121, 97))
    bright = 240 * np.exp(-((columns - dot[0]) ** 2 + (rows - dot[1]) ** 2) / (2 * 12**2))
    sixth = np.array([[1 / 6, 0, -0.4], [0, 1 / 6, -0.2]])
    small, onto = averaged(bright.astype(np.uint8)[..., None].repeat(3, -1), sixth, 3)
    assert small.shape == (40, 32, 3)
    seen = warp(small, onto, 20, 16)[..., 0].astype(float)
    centre = [(seen.sum(axis) * np.arange(seen.shape[1 - axis])).sum() / seen.sum() for axis in (0, 1)]
    np.testing.assert_allclose(centre, apply(sixth, dot[None])[0], atol=0.1)


def test_fine_detail_is_averaged_and_does_not_flicker():
    board = (np.indices((120, 120)).sum(0) % 2 * 200).astype(np.uint8)[..., None].repeat(3, -1)
    levels = {}
    for name, block in (("skipped", 1), ("averaged", 4)):
        pictures = [
            warp(*averaged(board, np.array([[0.25, 0, x], [0, 0.25, x]]), block), 30, 30) for x in (0, 0.1, 0.2)
        ]
        levels[name] = np.stack(pictures)[:, 3:-3, 3:-3].astype(float).std()
    assert levels["averaged"] < 1
    assert levels["skipped"] > 20


@pytest.mark.parametrize(("scale", "block"), [(2.0, 1), (0.6, 1), (0.4, 2), (0.26, 3)])
def test_blocks_never_shrink_more_than_the_transform(scale, block):
    assert block_size(np.stack([IDENTITY * scale] * 3)) == block
