import numpy as np
import pytest

from metrics.ssim import ssim, ssim_gaussian, ssim_torchmetrics, ssim_uniform, ssim_uniform_gray

VARIANTS = [ssim, ssim_gaussian, ssim_uniform, ssim_uniform_gray, ssim_torchmetrics]


@pytest.mark.parametrize("variant", VARIANTS)
def test_ssim_of_flat_pictures_is_its_luminance_term(variant):
    # Without contrast only (2ab + c1) / (a² + b² + c1) is left, c1 = (0.01 · 255)².
    first, second = np.full((24, 20, 3), 100, np.uint8), np.full((24, 20, 3), 150, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert variant(first, second) == pytest.approx((2 * 100 * 150 + c1) / (100**2 + 150**2 + c1), rel=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_ssim_of_equal_pictures_is_one_and_of_a_negative_is_low(variant):
    frame = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    assert variant(frame, frame.copy()) == pytest.approx(1)
    assert variant(frame, 255 - frame) < -0.5


def test_ssim_leaves_out_a_border_of_five_pixels():
    frame = np.random.default_rng(0).integers(0, 256, (41, 41, 3), dtype=np.uint8)
    changed = frame.copy()
    changed[20, 20] ^= 255  # the only difference; its window reaches 5 pixels to each side
    scores = [ssim(frame, changed), ssim(frame[5:-5, 5:-5], changed[5:-5, 5:-5])]
    losses = [(1 - score) * (side - 10) ** 2 for score, side in zip(scores, (41, 31), strict=True)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)


@pytest.mark.parametrize("shape", [(24, 20, 3), (11, 11, 3), (128, 96, 3)])
def test_the_quick_ssim_is_scikit_images(shape):
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, shape, dtype=np.uint8)
    changed = np.clip(frame + rng.normal(0, 30, shape), 0, 255).astype(np.uint8)
    assert ssim(frame, changed) == pytest.approx(ssim_gaussian(frame, changed), rel=1e-9)
