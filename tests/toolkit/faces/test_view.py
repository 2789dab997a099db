import numpy as np
import pytest

from toolkit.faces.crop import Square
from toolkit.faces.view import Aligned, Crop, read_view
from toolkit.files import write_npz

FRAMES = 6
POINTS = np.random.default_rng(0).uniform(0, 100, (FRAMES, 68, 2))
TURNS = np.stack([[[0.5, -0.1 * k, 3 * k], [0.1 * k, 0.5, -40 - k]] for k in range(FRAMES)])
ALIGNED = {"matrices": TURNS, "size": np.array(64), "points": POINTS, "ok": np.ones(FRAMES, bool)}
CROP = {"square": np.array([10, 20, 128]), "size": np.array(64), "points": POINTS, "ok": np.ones(FRAMES, bool)}


@pytest.fixture(params=[ALIGNED, CROP], ids=["aligned", "crops"])
def view(request, tmp_path):
    write_npz(tmp_path / "a.npz", **request.param)
    return read_view(tmp_path / "a.npz")


def test_the_file_tells_which_view_it_is(view, request):
    assert isinstance(view, Aligned if "aligned" in request.node.name else Crop)
    assert view.size == 64
    np.testing.assert_array_equal(view.points, POINTS)
    assert view.description.startswith(request.node.callspec.id)


def test_there_and_back(view):
    frames = np.array([4, 0, 5])
    clip = view.to_clip(POINTS[frames], frames)
    np.testing.assert_allclose(view.from_clip(clip, frames), POINTS[frames], atol=1e-9)


def test_each_frame_goes_its_own_way():
    aligned = Aligned(TURNS, 64, POINTS)
    moved = aligned.from_clip(np.ones((FRAMES, 1, 2)), np.arange(FRAMES))[:, 0]
    np.testing.assert_allclose(moved, [[0.5 - 0.1 * k + 3 * k, 0.5 + 0.1 * k - 40 - k] for k in range(FRAMES)])


def test_what_is_pasted_is_found_where_the_landmarks_go(view):
    """A dot at a place of the view's picture appears in the clip where `to_clip` says, in the frame's own way."""
    frame = np.zeros((260, 320, 3), np.uint8)
    rows, columns = np.indices((64, 64))
    bright = 250 * np.exp(-((columns - 30.0) ** 2 + (rows - 34.0) ** 2) / (2 * 4**2))
    picture = bright.astype(np.uint8)[..., None].repeat(3, -1)
    for index in (0, 3):
        seen = view.paste(frame, picture, np.ones((64, 64)), index)[..., 0].astype(float)
        centre = [(seen.sum(axis) * np.arange(seen.shape[1 - axis])).sum() / seen.sum() for axis in (0, 1)]
        expected = view.to_clip(np.array([[[30.0, 34.0]]]), np.array([index]))[0, 0]
        np.testing.assert_allclose(centre, expected, atol=0.2)


def test_a_crop_keeps_its_square():
    crop = Crop(Square(10, 20, 128), 64, POINTS)
    corners = np.array([[[-0.5, -0.5], [63.5, 63.5]]])
    np.testing.assert_allclose(crop.to_clip(corners, np.array([2])), [[[9.5, 19.5], [137.5, 147.5]]])
