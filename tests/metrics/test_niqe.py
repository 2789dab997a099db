import numpy as np
import pytest
from scipy.special import gamma
from scipy.stats import gennorm
from skimage.data import astronaut

from metrics.metric import NotComputed
from metrics.niqe import features, generalised_gaussian, halved, luma, niqe

PORTRAIT = astronaut()[:288, 100:388]


@pytest.fixture(scope="module")
def model():
    """Mean and covariance of the blocks of one natural picture."""
    found = features(luma(astronaut()))
    return found.mean(axis=0), np.cov(found, rowvar=False)


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0])
def test_the_fit_recovers_a_generalised_gaussian(shape):
    values = gennorm.rvs(shape, scale=1.5, size=(2, 200_000), random_state=0)
    found, left, right = generalised_gaussian(values)
    assert found == pytest.approx(shape, rel=0.03)
    # What the definition calls scale is that of the density exp(-(|x| / scale)^shape).
    assert left == pytest.approx(1.5, rel=0.03)
    assert right == pytest.approx(1.5, rel=0.03)


def test_the_fit_recovers_two_unlike_sides():
    rng = np.random.default_rng(0)
    sides = np.array([1.0, 3.0])
    # A density of two halves that meet at 0: a side is as likely as its scale is large.
    side = rng.choice(2, size=400_000, p=sides / sides.sum())
    values = np.abs(rng.normal(0, sides[side])) * np.where(side, 1, -1)
    shape, left, right = generalised_gaussian(values[None])
    scales = sides * np.sqrt(gamma(0.5) / gamma(1.5))
    assert shape == pytest.approx(2, rel=0.03)
    assert [left.item(), right.item()] == pytest.approx(scales, rel=0.02)


def test_luma_of_black_white_and_the_primaries():
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    assert luma(colours[None]).ravel().tolist() == [16, 235, 81, 145, 41]


def test_halving_keeps_slopes_and_averages_checks():
    ramp = np.tile(np.arange(32.0), (32, 1))
    assert halved(ramp)[4:-4, 4:-4] == pytest.approx(np.tile(np.arange(16) * 2 + 0.5, (16, 1))[4:-4, 4:-4])
    board = np.indices((32, 32)).sum(axis=0) % 2 * 100.0
    assert halved(board)[2:-2, 2:-2] == pytest.approx(np.full((12, 12), 50.0))


def test_noise_is_further_from_natural_pictures_than_a_photograph(model):
    noise = np.random.default_rng(0).integers(0, 256, PORTRAIT.shape, dtype=np.uint8)
    assert niqe(noise, *model) > 3 * niqe(PORTRAIT, *model)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (PORTRAIT[:128, :128], "128×128 has fewer than two blocks"),
        (np.full((256, 256, 3), 80, np.uint8), "any texture"),
    ],
)
def test_what_has_no_value_says_why(model, frame, reason):
    with pytest.raises(NotComputed, match=reason):
        niqe(frame, *model)
