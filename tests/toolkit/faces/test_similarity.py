import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from toolkit.faces.similarity import apply, fit, invert, resized, scale

RNG = np.random.default_rng(0)
FACE = RNG.uniform(0, 100, (5, 2))


def similarity(size: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    a, b = size * np.cos(angle), size * np.sin(angle)
    return np.array([[a, -b, shift[0]], [b, a, shift[1]]])


KNOWN = np.stack([similarity(0.3, 0.2, (4, -9)), similarity(2.0, -3.0, (0, 0)), similarity(1, np.pi / 2, (1e3, 5))])


def test_a_known_similarity_is_found_again_for_every_frame_at_once():
    seen = apply(invert(KNOWN), np.stack([FACE] * 3))
    np.testing.assert_allclose(fit(seen, FACE), KNOWN, atol=1e-10)
    np.testing.assert_allclose(scale(KNOWN), [0.3, 2, 1])


def test_there_and_back_is_where_one_was():
    points = RNG.normal(0, 300, (3, 68, 2))
    np.testing.assert_allclose(apply(invert(KNOWN), apply(KNOWN, points)), points, atol=1e-9)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_fit_is_the_least_squares_one_without_reflection(mirrored):
    """As scikit-image's Umeyama has it, which finds the best rotation even for a mirrored face."""
    target = RNG.uniform(0, 100, (5, 2)) + 3 * FACE
    points = FACE * [-1, 1] if mirrored else FACE
    expected = SimilarityTransform.from_estimate(points, target).params[:2]
    np.testing.assert_allclose(fit(points, target), expected, atol=1e-9)


def test_a_picture_of_another_size_shows_the_same():
    """Corners of a picture, half a pixel outside its outermost pixel centres, stay its corners."""
    corners = np.array([[-0.5, -0.5], [127.5, 127.5]])
    bigger = resized(KNOWN[0], 128, 512)
    np.testing.assert_allclose(apply(bigger, apply(invert(KNOWN[0]), corners)), [[-0.5, -0.5], [511.5, 511.5]])
