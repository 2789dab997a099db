import numpy as np
import pytest

from toolkit.synthetic.mesh import Mesh, inverse_affine
from toolkit.synthetic.picture import HOLES
from toolkit.synthetic.portrait import MOUTH, OUTER_LIPS, SIZE, photograph


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return Mesh(photograph().points, HOLES, SIZE)


def test_a_mesh_at_rest_leaves_the_picture_as_it_is(mesh):
    picture = photograph().picture
    assert np.abs(mesh.warp(picture, mesh.vertices).astype(int) - picture).max() <= 1


def test_control_points_go_where_they_are_sent_and_the_border_stays(mesh):
    moves = np.random.default_rng(0).uniform(-3, 3, photograph().points.shape)
    moved = mesh.deform(moves)
    np.testing.assert_allclose(moved[: len(moves)], photograph().points + moves)
    border = np.isin(mesh.vertices, (0, SIZE - 1)).any(axis=1)
    assert border.sum() >= 4 * SIZE / 11
    np.testing.assert_array_equal(moved[border], mesh.vertices[border])


def test_nothing_moves_further_than_the_controls_do(mesh):
    # The maximum principle: weights are a convex combination with the border's zero.
    assert mesh.follow.min() > -1e-9
    assert mesh.follow.sum(axis=1).max() < 1 + 1e-9


def test_the_upper_lip_does_not_feel_the_lower_one(mesh):
    """Around the middle of the mouth, what follows the lower lip (rim and outline) lies below it."""
    points = photograph().points
    lower = np.hstack([mesh.follow[:, MOUTH][:, 15:22], mesh.follow[:, OUTER_LIPS][:, 7:12]]).sum(axis=1)
    x, y = (mesh.vertices - points[MOUTH][6]).T
    assert lower[(np.abs(x) < 12) & (y < -3)].max() < 0.02
    assert lower[(np.abs(x) < 12) & (y > 17) & (y < 25)].min() > 0.2


def test_a_picture_is_carried_by_its_triangles():
    """A whole shift in the middle shifts the picture there by exactly as much."""
    grid = np.stack(np.meshgrid([40.0, 88.0], [40.0, 88.0]), axis=-1).reshape(-1, 2)
    mesh = Mesh(grid, (), 128)
    picture = np.random.default_rng(0).integers(0, 255, (128, 128, 3)).astype(np.uint8)
    inside = (mesh.vertices > 20).all(axis=1) & (mesh.vertices < 108).all(axis=1)
    shifted = mesh.warp(picture, mesh.vertices + inside[:, None] * [3.0, -2.0])
    difference = shifted[48:80, 48:80].astype(int) - picture[50:82, 45:77]
    assert np.abs(difference).max() <= 1


def test_maps_take_corners_back_and_flat_triangles_do_no_harm():
    random = np.random.default_rng(1)
    source, target = random.uniform(0, 50, (2, 20, 3, 2))
    target[0] = [[1, 1], [2, 2], [3, 3]]
    maps = inverse_affine(source, target)
    assert np.isfinite(maps).all()
    back = np.einsum("tij,tkj->tki", maps[1:, :, :2], target[1:]) + maps[1:, None, :, 2]
    np.testing.assert_allclose(back, source[1:], atol=0.05)
